/** The pictures of docs/nat.md are what the simulator draws, and each has its place in the text. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import { draw, folder, scenes } from "./natPictures.ts"

const text = readFileSync(Path.join(folder, "../nat.md"), "utf8")

describe("docs/nat.md", () => {
  it("shows every picture there is, and no other", () => {
    const shown = [...text.matchAll(/\]\(nat\/([a-z-]+)\.svg\)/g)].map(([, name]) => name!)
    assert.deepStrictEqual(shown.toSorted(), scenes.map(({ name }) => name).toSorted())
    assert.deepStrictEqual(readdirSync(folder).toSorted(), shown.map((name) => `${name}.svg`).toSorted())
  })

  for (const scene of scenes) {
    it.effect(scene.title, () =>
      Effect.gen(function* () {
        const svg = yield* draw(scene)
        const isSame = svg === readFileSync(Path.join(folder, `${scene.name}.svg`), "utf8")
        assert.isTrue(
          isSame,
          "the simulation has changed: run `node test/docs/natPictures.ts`, and look at what it draws now"
        )
        assert.isBelow(svg.length, 10_000)
      })
    )
  }
})
