import Foundation
import Testing

@testable import aimstors

@Suite("Which version of the program runs") struct ProgramSlotTests {
  private static let old = "0.2.0"
  private static let new = "0.3.0"

  private func here(_ running: String, isReleased: Bool = false) -> ProgramSlot.Here {
    .init(running: running, reads: 1, installed: Self.old, isReleased: isReleased)
  }

  private func ordered() -> ProgramSlot {
    var slot = ProgramSlot()
    let answer = slot.order(Self.new, operation: "op_1", ceiling: 1, here: here(Self.old))
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
    let again = slot.order(Self.new, operation: "op_1", ceiling: 1, here: here(Self.new))
    #expect(again == .runs)
    #expect(slot.trial != nil, "a repeat of the order is no confirmation")
    slot.confirm(ceiling: 1, here: here(Self.new))
    for _ in 0..<10 { #expect(slot.start(installed: Self.old) == Self.new) }
  }

  @Test func `what ends again and again is left, and the same order is not tried once more`() {
    var slot = ordered()
    for _ in 0..<ProgramSlot.attempts { #expect(slot.start(installed: Self.old) == Self.new) }
    #expect(slot.start(installed: Self.old) == nil)
    guard
      case .failed = slot.order(
        Self.new, operation: "op_1", ceiling: 1, here: here(Self.old))
    else {
      Issue.record("a failed order was followed again")
      return
    }
    let other = slot.order(Self.new, operation: "op_2", ceiling: 1, here: here(Self.old))
    #expect(other == .restart)
  }

  @Test func `nothing falls back to a version that does not read what may stand there`() {
    var slot = ordered()
    for _ in 0..<ProgramSlot.attempts { _ = slot.start(installed: Self.old) }
    // Asked again, with a ceiling that was raised meanwhile: the version before reads level 1.
    #expect(slot.order(Self.new, operation: "op_1", ceiling: 2, here: here(Self.new)) == .runs)
    for _ in 0..<10 { #expect(slot.start(installed: Self.old) == Self.new) }
    #expect(slot.trial != nil && !slot.mayFallBack)
  }

  @Test func `a failed trial goes back to the version that was confirmed, not the installed`() {
    var slot = ordered()
    _ = slot.start(installed: Self.old)
    slot.confirm(ceiling: 1, here: here(Self.new))
    _ = slot.order("0.4.0", operation: "op_2", ceiling: 1, here: here(Self.new))
    #expect(slot.start(installed: Self.old) == "0.4.0")
    slot.couldNotRun("no such file")
    #expect(slot.start(installed: Self.old) == Self.new)
    #expect(slot.failed?.version == "0.4.0")
  }

  @Test func `back to the installed version, which stays where it lies among the releases`() {
    var slot = ordered()
    _ = slot.start(installed: Self.old)
    slot.confirm(ceiling: 1, here: here(Self.new))
    let back = slot.order(Self.old, operation: "op_2", ceiling: 1, here: here(Self.new))
    #expect(back == .restart)
    #expect(slot.start(installed: Self.old) == nil)
    var other = slot
    slot.confirm(ceiling: 1, here: here(Self.old))
    #expect(slot.chosen == nil && slot.trial == nil)
    #expect(slot.start(installed: "0.9.0") == nil)
    other.confirm(ceiling: 1, here: here(Self.old, isReleased: true))
    #expect(other.start(installed: Self.old) == nil)
    #expect(other.start(installed: "0.9.0") == Self.old)
  }

  @Test func `a slot is the same after a restart, and one without the newer fields is read`() throws
  {
    var slot = ordered()
    _ = slot.start(installed: Self.old)
    let bytes = try JSONEncoder().encode(slot)
    #expect(try JSONDecoder().decode(ProgramSlot.self, from: bytes) == slot)
    let older = Data(#"{"chosen":"0.3.0"}"#.utf8)
    #expect(try JSONDecoder().decode(ProgramSlot.self, from: older).chosen == "0.3.0")
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
      try ProgramScript.write(script, to: place + "/aimstors", mode: mode)
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
    // Whoever changes a directory above may put another one in its place; a link leads elsewhere.
    try put(#"echo '{"version":"0.3.0","reads_level":2}'"#)
    let files = FileManager.default
    let open = directory + "/open"
    try files.createDirectory(atPath: open, withIntermediateDirectories: false)
    try files.moveItem(atPath: directory + "/0.3.0", toPath: open + "/0.3.0")
    try files.createSymbolicLink(
      atPath: directory + "/0.3.0", withDestinationPath: open + "/0.3.0")
    #expect(try code() == nil)
    try files.setAttributes([.posixPermissions: 0o777], ofItemAtPath: open)
    #expect(try code() == "unsafe_release")
    let inside = Releases(directory: open)
    #expect(throws: CommandFailure.self) { try inside.safePath(version) }
  }
}
