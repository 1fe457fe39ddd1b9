import Foundation
import Logging
import Synchronization
import Testing

@testable import aimstors

/// What a start runs where the disk, a release or the slot is not as it should be.
@Suite("Launching a version") final class ProgramLauncherTests {
  private static let old = "0.2.0"
  private static let new = "0.3.0"

  private let directory =
    FileManager.default.temporaryDirectory.path + "/launch-\(UUID().uuidString)"
  private var file: ProgramFile { ProgramFile(dataDirectory: directory) }
  private var releases: String { directory + "/releases" }
  private let here = ProgramSlot.Here(running: "0.2.0", reads: 1, installed: "0.2.0")

  init() throws {
    for version in [Self.old, Self.new, "0.4.0"] {
      let place = releases + "/" + version
      try FileManager.default.createDirectory(
        atPath: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
      try "#!/bin/sh\n".write(toFile: place + "/aimstors", atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: place + "/aimstors")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// What a start tries to become, each of which fails, and how it ends: nil where the installed
  /// version runs.
  private func launch() -> (tried: [String], refusal: String?) {
    let tried = Mutex<[String]>([])
    var launcher = ProgramLauncher(
      file: file, releases: Releases(directory: releases), environment: Environment(variables: [:]),
      logger: Logger(label: "test"))
    launcher.installed = InstalledProgram(version: Self.old, readsLevel: 1, path: nil)
    launcher.become = { path, _ in
      let version = path.split(separator: "/").suffix(2).first.map(String.init) ?? ""
      tried.withLock { $0.append(version) }
      return ENOMEM
    }
    do throws(CommandFailure) {
      try launcher.launch()
      return (tried.withLock { $0 }, nil)
    } catch {
      return (tried.withLock { $0 }, error.code)
    }
  }

  private func store(confirmed: String?, trial: String? = nil) throws {
    var slot = ProgramSlot()
    if let confirmed {
      slot.confirm(ceiling: 1, here: .init(running: confirmed, reads: 1, installed: Self.old))
    }
    if let trial {
      _ = slot.order(
        trial, operation: "op",
        ceiling: 1, here: .init(running: confirmed ?? Self.old, reads: 1, installed: Self.old))
    }
    try file.store(slot)
  }

  @Test func `a confirmed version that cannot be run for a moment is not left`() throws {
    try store(confirmed: Self.new)
    let before = try file.load()
    #expect(launch().refusal == "not_started")
    #expect(launch().tried == [Self.new])
    #expect(try file.load() == before)
    try FileManager.default.removeItem(atPath: releases)
    let gone = launch()
    #expect(gone.tried == [] && gone.refusal == "not_found")
    #expect(try file.load() == before)
  }

  @Test func `a version on trial that cannot be run is left for the one before`() throws {
    try store(confirmed: nil, trial: Self.new)
    let first = launch()
    #expect(first.tried == [Self.new] && first.refusal == nil)
    #expect(try file.load().failed?.version == Self.new)
    try store(confirmed: Self.new, trial: "0.4.0")
    let second = launch()
    #expect(second.tried == ["0.4.0", Self.new] && second.refusal == "not_started")
    #expect(try file.load().chosen == Self.new)
  }

  @Test func `a slot that cannot be read is no reason to run the installed version`() throws {
    try Data("{".utf8).write(to: URL(fileURLWithPath: file.path))
    #expect(launch().refusal == "file_error")
    try FileManager.default.removeItem(atPath: file.path)
    #expect(launch().refusal == nil)
  }

  @Test func `where a start on trial cannot be counted the version before runs`() throws {
    try store(confirmed: nil, trial: Self.new)
    // Nothing can be written there.
    try FileManager.default.createDirectory(
      atPath: file.path + ".new", withIntermediateDirectories: false)
    let full = launch()
    #expect(full.tried == [] && full.refusal == nil)
    try store(at: file.path, confirmed: Self.new, trial: "0.4.0")
    let other = launch()
    #expect(other.tried == [Self.new] && other.refusal == "not_started")
    #expect(try file.load().trial?.starts == 0)
  }

  private func store(at path: String, confirmed: String, trial: String) throws {
    try FileManager.default.removeItem(atPath: path + ".new")
    try store(confirmed: confirmed, trial: trial)
    try FileManager.default.createDirectory(
      atPath: path + ".new", withIntermediateDirectories: false)
  }

  @Test func `a release that others may change by now is not run`() throws {
    try store(confirmed: Self.new)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o777], ofItemAtPath: releases + "/" + Self.new)
    let unsafe = launch()
    #expect(unsafe.tried == [] && unsafe.refusal == "unsafe_release")
  }

  @Test func `what was installed is looked at again before it is promised`() throws {
    let path = releases + "/" + Self.old + "/aimstors"
    try ProgramScript.write(#"echo '{"version":"0.2.0","reads_level":1}'"#, to: path)
    let program = InstalledProgram(
      Environment(variables: [InstalledProgram.variable: "0.2.0 1 \(path)"]))
    #expect(program == InstalledProgram(version: "0.2.0", readsLevel: 1, path: path))
    #expect(program.stands(scratch: directory))
    let replaced = InstalledProgram(version: "0.1.0", readsLevel: 1, path: path)
    #expect(!replaced.stands(scratch: directory))
    let unknown = InstalledProgram(version: "0.2.0", readsLevel: 1, path: nil)
    #expect(!unknown.stands(scratch: directory))
  }

  @Test func `a version on trial that nobody reaches is ended, one that was reached is not`() {
    let ends = Mutex(0)
    let hanging = TrialWatch { ends.withLock { $0 += 1 } }
    hanging.runOut()
    #expect(ends.withLock { $0 } == 1)
    let reached = TrialWatch { ends.withLock { $0 += 1 } }
    reached.reached()
    reached.runOut()
    #expect(ends.withLock { $0 } == 1)
  }
}
