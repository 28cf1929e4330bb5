/**
 * The picture's colours, for light and dark surroundings. It brings its own ground, so it is readable on both even where the
 * viewer does not say which it is.
 */

interface Palette {
  readonly ground: string
  readonly frame: string
  readonly ink: string
  readonly faint: string
  readonly lifeline: string
  readonly host: string
  readonly gateway: string
  readonly udp: string
  readonly tcp: string
  readonly icmp: string
  readonly bad: string
}

const light: Palette = {
  ground: "#ffffff",
  frame: "#d8dee9",
  ink: "#1b2330",
  faint: "#6b7688",
  lifeline: "#c3cad6",
  host: "#eef3fb",
  gateway: "#fdf4e3",
  udp: "#1f5fd0",
  tcp: "#0b7a5c",
  icmp: "#9a5b00",
  bad: "#cf222e"
}

const dark: Palette = {
  ground: "#12161d",
  frame: "#303947",
  ink: "#e6ebf3",
  faint: "#929eb2",
  lifeline: "#465062",
  host: "#1d2735",
  gateway: "#33291a",
  udp: "#79aaff",
  tcp: "#4fd1a5",
  icmp: "#f0b35a",
  bad: "#ff7b78"
}

const rules = (p: Palette): string => `
.ground{fill:${p.ground};stroke:${p.frame}}
text{fill:${p.ink}}
.faint{fill:${p.faint}}
.lifeline{stroke:${p.lifeline}}
.host{fill:${p.host};stroke:${p.lifeline}}
.gateway{fill:${p.gateway};stroke:${p.icmp}}
.line{stroke:${p.ink}}
.pause{stroke:${p.lifeline}}
.label{stroke:${p.ground}}
.udp .line{stroke:${p.udp}}.udp .head,.udp .label{fill:${p.udp}}
.tcp .line{stroke:${p.tcp}}.tcp .head,.tcp .label{fill:${p.tcp}}
.icmp .line{stroke:${p.icmp}}.icmp .head,.icmp .label{fill:${p.icmp}}
.cross{stroke:${p.bad}}
.reason{fill:${p.bad};stroke:${p.ground}}
.bad .line{stroke:${p.bad}}`

/** Of the letters of labels, as of every typeface in the list: all characters are equally wide. */
export const LETTER = 6.3

export const style = `
text{font:12px ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif}
.title{font-size:15px;font-weight:600}
.name{font-size:13px;font-weight:600;text-anchor:middle}
.caption{font-size:11px;text-anchor:middle}
.middle{text-anchor:middle}
.end{text-anchor:end}
.time,.label,.reason,.mapping{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:10.5px}
.time{text-anchor:end;font-size:10px}
.mapping{text-anchor:middle}
.label,.reason{stroke-width:3;stroke-linejoin:round;paint-order:stroke}
.lifeline{stroke-width:1}
.line{fill:none;stroke-width:1.4}
.again .line{stroke-dasharray:5 3}
.lost .line{stroke-dasharray:2 3}
.pause{stroke-dasharray:1 4;stroke-linecap:round;stroke-width:1.5}
.cross{fill:none;stroke-width:2;stroke-linecap:round}${rules(light)}
@media(prefers-color-scheme:dark){${rules(dark)}
}
`
