/**
 * SVG as text.
 */

export type Attributes = { readonly [name: string]: string | number | undefined }

/** Characters XML cannot say in any way, lone surrogates among them. */
const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu

const entities: { readonly [character: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

export const escape = (text: string): string =>
  text.replace(unspeakable, "\ufffd").replace(/[&<>"]/g, (character) => entities[character]!)

/** A tenth of a pixel is as much as anyone sees. */
const written = (value: string | number): string =>
  typeof value === "string" ? escape(value) : String(Math.round(value * 10) / 10)

/** An element around content that is markup already. */
export const element = (name: string, attributes: Attributes, ...content: ReadonlyArray<string>): string => {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${written(value!)}"`)
    .join("")
  return content.length === 0 ? `<${name}${list}/>` : `<${name}${list}>${content.join("")}</${name}>`
}

export const text = (x: number, y: number, kind: string, content: string, attributes: Attributes = {}): string =>
  element("text", { x, y, class: kind, ...attributes }, escape(content))

/** Lines and curves: letters and numbers in turn. */
export const path = (kind: string, ...parts: ReadonlyArray<string | number>): string =>
  element("path", { class: kind, d: parts.map(written).join(" ") })
