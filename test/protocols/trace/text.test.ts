import { assert, describe, it } from "@effect/vitest"
import * as Trace from "../../../src/protocols/trace/Trace.ts"
import { connection, oddities, question } from "./traces.ts"

describe("a trace as text", () => {
  it("has a heading and a line for each packet on each hop", () => {
    assert.strictEqual(Trace.toText(question), expectedQuestion)
  })

  it("tells flags, relative numbers, lengths, retransmissions and losses of TCP", () => {
    assert.strictEqual(`${Trace.toLines(connection).map(squeezed).join("\n")}\n`, expectedConnection)
  })

  it("tells everything else that may happen", () => {
    assert.strictEqual(`${Trace.toLines(oddities).map(squeezed).join("\n")}\n`, expectedOddities)
  })

  it("keeps its columns aligned", () => {
    const lines = Trace.toText(connection).trimEnd().split("\n")
    const arrow = lines[0]!.indexOf("->")
    assert.isTrue(lines.every((line) => line.indexOf("->") === arrow))
    const fate = lines[0]!.indexOf("fate")
    for (const line of lines.slice(1)) assert.match(line.slice(fate - 2), /^ {2}(?:delivered|translated|lost)/)
  })

  it("of nothing is a heading", () => {
    assert.strictEqual(Trace.toText([]).split("\n").length, 2)
    assert.deepStrictEqual(Trace.toLines([]), [])
  })
})

const squeezed = (line: string): string => line.replace(/ +/g, " ").trim()

const expectedQuestion = `time ms  from   -> to      packet                                                        at ms  fate
  0.000  alice  -> nat     UDP  192.168.1.2:5000   > 203.0.113.9:3478    len 5 "hello"   0.100  translated 192.168.1.2:5000 -> 198.51.100.7:61000
  0.100  nat    -> server  UDP  198.51.100.7:61000 > 203.0.113.9:3478    len 5 "hello"  20.100  delivered
 20.100  server -> nat     UDP  203.0.113.9:3478   > 198.51.100.7:61000  len 3 "yes"    40.100  translated 198.51.100.7:61000 -> 192.168.1.2:5000
 40.100  nat    -> alice   UDP  203.0.113.9:3478   > 192.168.1.2:5000    len 3 "yes"    40.200  delivered
`

const expectedConnection = `0.000 alice -> nat TCP 192.168.1.2:40000 > 203.0.113.9:443 SYN seq 0 len 0 0.100 translated 192.168.1.2:40000 -> 198.51.100.7:62000
0.100 nat -> server TCP 198.51.100.7:62000 > 203.0.113.9:443 SYN seq 0 len 0 10.100 lost
1000.000 alice -> nat TCP 192.168.1.2:40000 > 203.0.113.9:443 SYN seq 0 len 0 retransmission 1000.100 translated 192.168.1.2:40000 -> 198.51.100.7:62000
1000.100 nat -> server TCP 198.51.100.7:62000 > 203.0.113.9:443 SYN seq 0 len 0 retransmission 1020.100 delivered
1020.100 server -> nat TCP 203.0.113.9:443 > 198.51.100.7:62000 SYN,ACK seq 0 ack 1 len 0 1040.100 translated 198.51.100.7:62000 -> 192.168.1.2:40000
1040.100 nat -> alice TCP 203.0.113.9:443 > 192.168.1.2:40000 SYN,ACK seq 0 ack 1 len 0 1040.200 delivered
1040.200 alice -> nat TCP 192.168.1.2:40000 > 203.0.113.9:443 ACK seq 1 ack 1 len 0 1040.300 translated 192.168.1.2:40000 -> 198.51.100.7:62000
1040.300 nat -> server TCP 198.51.100.7:62000 > 203.0.113.9:443 ACK seq 1 ack 1 len 0 1060.300 delivered
1040.300 alice -> nat TCP 192.168.1.2:40000 > 203.0.113.9:443 PSH,ACK seq 1 ack 1 len 5 "ping" 1040.400 translated 192.168.1.2:40000 -> 198.51.100.7:62000
1040.400 nat -> server TCP 198.51.100.7:62000 > 203.0.113.9:443 PSH,ACK seq 1 ack 1 len 5 "ping" 1060.400 delivered
1060.400 server -> nat TCP 203.0.113.9:443 > 198.51.100.7:62000 PSH,ACK seq 1 ack 6 len 5 "pong" 1080.400 translated 198.51.100.7:62000 -> 192.168.1.2:40000
1080.400 nat -> alice TCP 203.0.113.9:443 > 192.168.1.2:40000 PSH,ACK seq 1 ack 6 len 5 "pong" 1080.500 delivered
1080.500 alice -> nat TCP 192.168.1.2:40000 > 203.0.113.9:443 FIN,ACK seq 6 ack 6 len 0 1080.600 translated 192.168.1.2:40000 -> 198.51.100.7:62000
1080.600 nat -> server TCP 198.51.100.7:62000 > 203.0.113.9:443 FIN,ACK seq 6 ack 6 len 0 1100.600 delivered
1100.600 server -> nat TCP 203.0.113.9:443 > 198.51.100.7:62000 FIN,ACK seq 6 ack 7 len 0 1120.600 translated 198.51.100.7:62000 -> 192.168.1.2:40000
1120.600 nat -> alice TCP 203.0.113.9:443 > 192.168.1.2:40000 FIN,ACK seq 6 ack 7 len 0 1120.700 delivered
1120.700 alice -> nat TCP 192.168.1.2:40000 > 203.0.113.9:443 ACK seq 7 ack 7 len 0 1120.800 translated 192.168.1.2:40000 -> 198.51.100.7:62000
1120.800 nat -> server TCP 198.51.100.7:62000 > 203.0.113.9:443 ACK seq 7 ack 7 len 0 1140.800 delivered
`

const expectedOddities = `0.000 alice -> alice UDP 127.0.0.1:1 > 127.0.0.1:2 len 18 "<to "myself" & me>" 0.020 delivered
1.000 alice -> nobody UDP 192.168.1.2:5000 > 192.168.1.77:9 len 0 1.000 lost: no such address
2.000 nat -> server UDP 198.51.100.7:61000 > 203.0.113.9:7777 len 4 22.000 delivered
2.000 nat -> server UDP 198.51.100.7:61000 > 203.0.113.9:7777 len 4 copy 22.000 dropped: filtered
3.000 alice -> nat ICMP 192.168.1.2 id 7 > 203.0.113.9 echo request seq 1 len 8 3.100 translated 192.168.1.2 id 7 -> 198.51.100.7 id 4321
3.100 nat -> server ICMP 198.51.100.7 id 4321 > 203.0.113.9 echo request seq 1 len 8 23.100 dropped and answered: nothing <listens> there
23.100 server -> nat ICMP 203.0.113.9 > 198.51.100.7 packet too big, MTU 1280 about echo 198.51.100.7 id 4321 > 203.0.113.9 43.100 translated 198.51.100.7 -> 192.168.1.2, 198.51.100.7 id 4321 -> 192.168.1.2 id 7
43.100 nat -> alice ICMP 203.0.113.9 > 192.168.1.2 packet too big, MTU 1280 about echo 192.168.1.2 id 7 > 203.0.113.9 43.200 delivered
50.000 alice -> nat TCP [2001:db8::2]:40000 > [2001:db8:1::9]:443 SYN seq 0 len 0 50.100 forwarded
50.100 nat -> server TCP [2001:db8::2]:40000 > [2001:db8:1::9]:443 SYN seq 0 len 0 50.100 lost: queue full
5050.000 alice -> nat TCP [2001:db8::2]:40000 > [2001:db8:1::9]:443 SYN seq 0 len 0 retransmission in flight
`
