import Foundation
import Testing

@testable import aimstors

@Suite("Which version of the program runs") struct ProgramSlotTests {
  private static let old = "0.2.0"
  private static let new = "0.3.0"

  private func ordered() -> ProgramSlot {
    var slot = ProgramSlot()
    let answer = slot.order(Self.new, operation: "op_1", running: Self.old, installed: Self.old)
    #expect(answer == .restart)
    return slot
  }

  @Test func `nothing was ordered: the installed version runs, and nothing is written`() {
    var slot = ProgramSlot()
    #expect(slot.start(installed: Self.old) == nil)
    #expect(slot == ProgramSlot())
  }

  @Test func `what was ordered runs, and stays once it is confirmed`() {
    var slot = ordered()
    #expect(slot.start(installed: Self.old) == Self.new)
    let again = slot.order(Self.new, operation: "op_1", running: Self.new, installed: Self.old)
    #expect(again == .runs)
    #expect(slot.trial != nil, "a repeat of the order is no confirmation")
    slot.confirm(running: Self.new, installed: Self.old)
    for _ in 0..<10 { #expect(slot.start(installed: Self.old) == Self.new) }
  }

  @Test func `what ends again and again is left, and the same order is not tried once more`() {
    var slot = ordered()
    for _ in 0..<ProgramSlot.attempts { #expect(slot.start(installed: Self.old) == Self.new) }
    #expect(slot.start(installed: Self.old) == nil)
    guard
      case .failed = slot.order(
        Self.new, operation: "op_1", running: Self.old, installed: Self.old)
    else {
      Issue.record("a failed order was followed again")
      return
    }
    let other = slot.order(Self.new, operation: "op_2", running: Self.old, installed: Self.old)
    #expect(other == .restart)
  }

  @Test func `a failed trial goes back to the version that was confirmed, not the installed`() {
    var slot = ordered()
    _ = slot.start(installed: Self.old)
    slot.confirm(running: Self.new, installed: Self.old)
    _ = slot.order("0.4.0", operation: "op_2", running: Self.new, installed: Self.old)
    #expect(slot.start(installed: Self.old) == "0.4.0")
    slot.couldNotRun("no such file")
    #expect(slot.start(installed: Self.old) == Self.new)
    #expect(slot.failed?.version == "0.4.0")
  }

  @Test func `back to the installed version, and a confirmed program that is gone`() {
    var slot = ordered()
    _ = slot.start(installed: Self.old)
    slot.confirm(running: Self.new, installed: Self.old)
    var gone = slot
    gone.couldNotRun("no such file")
    #expect(gone.start(installed: Self.old) == nil)
    let back = slot.order(Self.old, operation: "op_2", running: Self.new, installed: Self.old)
    #expect(back == .restart)
    #expect(slot.start(installed: Self.old) == nil)
    slot.confirm(running: Self.old, installed: Self.old)
    #expect(slot.chosen == nil && slot.trial == nil)
  }

  @Test func `a slot is the same after a restart`() throws {
    var slot = ordered()
    _ = slot.start(installed: Self.old)
    let bytes = try JSONEncoder().encode(slot)
    #expect(try JSONDecoder().decode(ProgramSlot.self, from: bytes) == slot)
  }

  @Test func `a version's name is no path`() {
    for name in [
      "", ".", "..", "../x", "a/b", "-x", ".x", "a b", String(repeating: "a", count: 65),
    ] {
      #expect(ProgramVersion(name) == nil, "\(name)")
    }
    for name in ["0.3.0", "1", "0.3.0-rc.1+abc_d"] { #expect(ProgramVersion(name) != nil) }
  }

  @Test func `a release is a program that nobody else may change and that says who it is`() throws {
    let directory = FileManager.default.temporaryDirectory.path + "/releases-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    func put(_ script: String, _ mode: Int = 0o755) throws {
      let place = directory + "/0.3.0"
      try FileManager.default.createDirectory(
        atPath: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
      // By another process: children that other tests start here meanwhile would inherit a file
      // that is open for writing, and nobody could run it.
      let writer = Process()
      writer.executableURL = URL(fileURLWithPath: "/bin/sh")
      writer.arguments = [
        "-c",
        #"printf '#!/bin/sh\n%s\n' "$1" > "$0.new" && chmod "$2" "$0.new" && mv "$0.new" "$0""#,
        place + "/aimstors", script, String(mode, radix: 8),
      ]
      try writer.run()
      writer.waitUntilExit()
      #expect(writer.terminationStatus == 0)
    }
    let version = try #require(ProgramVersion("0.3.0"))
    let releases = Releases(directory: directory)
    func code() throws -> String? {
      do throws(CommandFailure) {
        _ = try releases.find(version, scratch: directory)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(try code() == "not_found")
    try put(#"echo '{"version":"0.3.0","reads_level":2}'"#)
    #expect(try code() == nil)
    #expect(try releases.find(version, scratch: directory).about.readsLevel == 2)
    try put(#"echo '{"version":"0.2.9","reads_level":2}'"#)
    #expect(try code() == "wrong_release")
    try put("exit 3")
    #expect(try code() == "wrong_release")
    try put(#"echo '{"version":"0.3.0","reads_level":2}'"#, 0o775)
    #expect(try code() == "unsafe_release")
    try put(#"echo '{"version":"0.3.0","reads_level":2}'"#, 0o644)
    #expect(try code() == "not_found")
  }
}
