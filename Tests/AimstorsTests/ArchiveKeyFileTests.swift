import Archive
import Foundation
import Logging
import Platform
import Testing

@testable import aimstors

@Suite struct ArchiveKeyFileTests {
  private let random = LiveRandomSource()

  private func inDirectory(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "aimstors-archive-key-\(UUID().uuidString)"
    // Keys and data lie apart, as `up` has them.
    try PrivateFile.createDirectory(path + "/keys")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func code(_ body: () throws(CommandFailure) -> Void) -> String? {
    do throws(CommandFailure) {
      try body()
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `a file of one key is as it was, and of more the newest comes first`() throws {
    let one = ArchiveKeys.fresh(random: random)
    #expect(ArchiveKeyFile.text(one).hasPrefix("aimstors archive key 1\n"))
    #expect(try ArchiveKeyFile.parse(ArchiveKeyFile.text(one)) == one)
    let two = try one.rotated(random: random)
    let text = ArchiveKeyFile.text(two)
    // A program that knows one key a file must not take the older of two for it.
    #expect(text.hasPrefix("aimstors archive key 2\n"))
    #expect(try ArchiveKeyFile.parse(text) == two)
    #expect(two.all.last == one.newest && two.deployment == one.deployment)
    let lines = text.split(separator: "\n").map(String.init)
    for index in lines.indices {
      var fewer = lines
      fewer.remove(at: index)
      #expect(throws: ArchiveError.self, "without \(lines[index])") {
        try ArchiveKeyFile.parse(fewer.joined(separator: "\n"))
      }
    }
    #expect(throws: ArchiveError.self) {
      try ArchiveKeyFile.parse(text.replacing(two.newest.id, with: one.newest.id))
    }
  }

  @Test func `a start knows a rotated key, and no longer the file of before`() throws {
    try inDirectory { directory in
      let file = directory + "/keys/archive.key"
      try ArchiveKeyFile.make(file, random: random)
      let first = try ArchiveKeyFile.require(file)
      try ArchiveKeyRecord.check(first, dataDirectory: directory)
      let second = try ArchiveKeyFile.rotate(file, random: random)
      #expect(try ArchiveKeyFile.require(file) == second && second.all.count == 2)
      try ArchiveKeyRecord.check(second, dataDirectory: directory)
      try ArchiveKeyRecord.check(second, dataDirectory: directory)
      #expect(
        code { () throws(CommandFailure) in
          try ArchiveKeyRecord.check(first, dataDirectory: directory)
        } == "archive_key_wrong")
      #expect(
        code { () throws(CommandFailure) in
          try ArchiveKeyRecord.check(nil, dataDirectory: directory)
        } == "archive_key_missing")
    }
  }

  @Test func `a running process takes a rotated key, and no other deployment's`() throws {
    try inDirectory { directory in
      let file = directory + "/keys/archive.key"
      try ArchiveKeyFile.make(file, random: random)
      let ring = ArchiveKeyRing(try ArchiveKeyFile.require(file))
      try ArchiveKeyRecord.check(ring.keys, dataDirectory: directory)
      let watch = KeyFileWatch(
        path: file, archive: ring, dataDirectory: directory, logger: Logger(label: "test"))
      #expect(try watch.reload() == nil)
      let rotated = try ArchiveKeyFile.rotate(file, random: random)
      #expect(try watch.reload() == rotated.all.map(\.id))
      #expect(ring.keys == rotated)
      #expect(try watch.reload() == nil)
      // Half a file, and a key of somebody else: what is in force stays.
      try PrivateFile.write(Array("aimstors archive key 2\n".utf8), to: file)
      #expect(
        code { () throws(CommandFailure) in _ = try watch.reload() } == "archive_key_malformed")
      try ArchiveKeyFile.make(file, random: random)
      #expect(code { () throws(CommandFailure) in _ = try watch.reload() } == "archive_key_wrong")
      #expect(ring.keys == rotated)
    }
  }
}
