import ArgumentParser
import Foundation
import Messaging
import NIOCore
import Platform
import Storage
import Testing

@testable import aimstors

/// A directory or a port that another process has.
@Suite struct DataInUseTests {
  private static func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  @Test func `a second start leaves the first one's process id, and its end takes it away`() throws
  {
    try Self.withDirectory { directory in
      let owner = directory + "/up.pid"
      var first: DirectoryLock? = try DirectoryLock(directory)
      let failure = #expect(throws: CommandFailure.self) { _ = try DirectoryLock(directory) }
      #expect(failure?.code == "data_in_use")
      #expect(try PrivateFile.read(owner) == Array("\(getpid())\n".utf8))
      withExtendedLifetime(first) {}
      first = nil
      #expect(try PrivateFile.read(owner) == nil)
      _ = try DirectoryLock(directory)
    }
  }

  @Test func `what another process has is told by a stable code`() throws {
    let errors: [(any Error, String?)] = [
      (FileError(.lock, "/d/owner.lock", errno: SystemErrors.wouldBlock), "data_in_use"),
      (JournalError.ownedByAnotherProcess(directory: "/d"), "data_in_use"),
      (
        TransportError(
          operation: "listen", address: Address("tcp://127.0.0.1:1"), reason: "r",
          isAddressInUse: true), "port_in_use"
      ), (IOError(errnoCode: EADDRINUSE, reason: "bind"), "port_in_use"),
      (IOError(errnoCode: EACCES, reason: "bind"), nil),
      (FileError(.open, "/d/x", errno: EACCES), nil),
      (TransportError(operation: "listen", address: Address("x"), reason: "r"), nil),
    ]
    for (error, code) in errors { #expect(CommandFailure(inUse: error)?.code == code, "\(error)") }
  }

  @Test func `a journal in use is not repaired`() throws {
    try Self.withDirectory { directory in
      let journal = directory + "/journal"
      let files = LiveFileSystem()
      try files.createDirectory(journal)
      let lock = try files.lock(journal + "/lock")
      defer { withExtendedLifetime(lock) {} }
      let failure = #expect(throws: CommandFailure.self) {
        _ = try JournalCommand.caught {
          try JournalRepair.run(directory: journal, files: files, applied: [:])
        }
      }
      #expect(failure?.code == "data_in_use")
    }
  }
}
