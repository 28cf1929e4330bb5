/**
 * Flags that several commands have.
 */
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as NetAddress from "effect/net/NetAddress"

/** An IP address. */
export const address = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("ADDRESS"),
    Flag.mapEffect((value) =>
      Effect.mapError(
        Effect.fromResult(NetAddress.ipFromString(value)),
        () => new CliError.ValidationError({ message: `--${name}: "${value}" is no IP address` })
      )
    )
  )

/** A port; 0 is one too. */
export const port = (name: string) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (port) => port >= 0 && port <= 65_535,
      () => "0 to 65535"
    )
  )

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Tell what happens as JSON objects, one a line, on standard error"),
  Flag.withDefault(false)
)
