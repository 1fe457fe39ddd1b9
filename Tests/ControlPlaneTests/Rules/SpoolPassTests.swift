import Testing
import Wire

@testable import ControlPlane

@Suite("A pass over a spool") struct SpoolPassTests {
  private let second: UInt64 = 1_000_000_000
  private let world = SpoolPass.World(mapVersion: 1, living: [CellID(trusted: "a")])

  /// One whole round at `now` over a spool in which `entry` stays; whether it was looked at.
  private func round(_ pass: inout SpoolPass, at now: UInt64, _ world: SpoolPass.World) -> Bool {
    pass.begin(world, now: now)
    let isLooked = pass.position.isEmpty
    if isLooked { pass.looked(at: "1", receivedAt: Timestamp(seconds: 5), .waits) }
    pass.reachedEnd(now: now)
    return isLooked
  }

  @Test func `what stays is tried again after 1, 2, 4 and at most 30 seconds`() {
    var pass = SpoolPass()
    var tries: [UInt64] = []
    for now in 0...150 where round(&pass, at: UInt64(now) * second, world) {
      tries.append(UInt64(now))
    }
    #expect(tries == [0, 1, 3, 7, 15, 31, 61, 91, 121])
  }

  @Test func `a new map or another living cell begins anew, with short pauses`() {
    var pass = SpoolPass()
    for now in 0...40 { _ = round(&pass, at: UInt64(now) * second, world) }
    let later = SpoolPass.World(mapVersion: 2, living: world.living)
    #expect(round(&pass, at: 41 * second, later))
    #expect(round(&pass, at: 42 * second, later))
    let alone = SpoolPass.World(mapVersion: 2, living: [])
    #expect(round(&pass, at: 42 * second, alone))
  }

  @Test func `what an owner did not take is tried again within four seconds`() {
    var pass = SpoolPass()
    var tries: [UInt64] = []
    for now in 0...20 {
      pass.begin(world, now: UInt64(now) * second)
      if pass.position.isEmpty {
        tries.append(UInt64(now))
        pass.looked(at: "1", receivedAt: Timestamp(seconds: 5), .failed)
      }
      pass.reachedEnd(now: UInt64(now) * second)
    }
    #expect(tries == [0, 1, 3, 7, 11, 15, 19])
  }

  @Test func `a new part that its owner did not take does not wait for the old ones`() {
    var pass = SpoolPass()
    for now in 0...32 { _ = round(&pass, at: UInt64(now) * second, world) }
    pass.begin(world, now: 33 * second)
    #expect(pass.position == "1")
    pass.looked(at: "2", receivedAt: Timestamp(seconds: 6), .failed)
    pass.reachedEnd(now: 33 * second)
    #expect(pass.found.entries == 2)
    pass.begin(world, now: 34 * second)
    #expect(pass.position.isEmpty)
  }

  @Test func `what stays is counted once, with the oldest`() {
    var pass = SpoolPass()
    pass.begin(world, now: 0)
    pass.looked(at: "1", receivedAt: Timestamp(seconds: 9), .waits)
    pass.looked(at: "2", receivedAt: Timestamp(seconds: 7), .waits)
    pass.looked(at: "3", receivedAt: Timestamp(seconds: 1), .delivered)
    pass.reachedEnd(now: 0)
    #expect(pass.found == .init(entries: 2, isAtLeast: false, oldest: Timestamp(seconds: 7)))
    pass.begin(world, now: second)
    #expect(pass.found.entries == 0 && pass.position.isEmpty)
  }

  @Test func `where something went, the rest is tried again soon`() {
    var pass = SpoolPass()
    for now in 0...15 { _ = round(&pass, at: UInt64(now) * second, world) }
    pass.begin(world, now: 31 * second)
    pass.looked(at: "1", receivedAt: Timestamp(seconds: 5), .delivered)
    pass.reachedEnd(now: 31 * second)
    #expect(round(&pass, at: 32 * second, world))
  }
}
