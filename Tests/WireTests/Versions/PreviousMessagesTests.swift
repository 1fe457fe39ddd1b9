import Foundation
import SwiftProtobuf
import Testing
import Wire

/// What earlier versions said between processes says the same to this one.
@Suite("Messages of earlier versions") struct PreviousMessagesTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  static let versions = root.appendingPathComponent("Tests/VersionFixtures")
  private static let proto = root.appendingPathComponent("Sources/Wire/Protobuf/wire.proto")

  static func directories() throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: versions, includingPropertiesForKeys: nil)
      .filter(\.hasDirectoryPath).sorted { $0.path < $1.path }
  }

  private func current() throws -> ProtoText {
    ProtoText(try String(contentsOf: Self.proto, encoding: .utf8))
  }

  @Test func `every message has a type here`() throws {
    #expect(Set(try current().messages.keys) == Set(MessageTypes.all.keys))
  }

  @Test func `each is read with every field, and none is unknown`() throws {
    let directories = try Self.directories()
    #expect(!directories.isEmpty)
    for directory in directories {
      let text = try String(
        contentsOf: directory.appendingPathComponent("messages.txt"), encoding: .utf8)
      var count = 0
      for line in text.split(separator: "\n") {
        let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
        let type = try #require(MessageTypes.all[parts[0]], "\(parts[0]) is gone")
        try check(type, hex: parts[1], json: parts[2], "\(directory.lastPathComponent) \(parts[0])")
        count += 1
      }
      #expect(count > 40)
    }
  }

  private func check<M: Message>(
    _ type: M.Type, hex: String, json: String, _ what: String
  ) throws {
    let bytes = Self.bytes(hex)
    let read = try M(serializedBytes: bytes)
    // A field that was removed or renamed is not in the JSON's type.
    let meant = try M(jsonString: json)
    #expect(read.isEqualTo(message: meant), "\(what)")
    #expect(try read.serializedBytes() as [UInt8] == bytes, "\(what)")
    #expect(read.unknownFields.data.isEmpty, "\(what)")
  }

  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["AIMSTORS_WRITE_FIXTURES"] != nil))
  func `writes what this version writes`() throws {
    let directory = ProcessInfo.processInfo.environment["AIMSTORS_WRITE_FIXTURES"] ?? ""
    // An earlier version's messages have the fields of its own description.
    let older = ProcessInfo.processInfo.environment["AIMSTORS_FIXTURES_PROTO"]
    let proto =
      try older.map { ProtoText(try String(contentsOfFile: $0, encoding: .utf8)) } ?? current()
    var lines: [String] = []
    for name in proto.messages.keys.sorted() {
      let json = proto.sample(name)
      let type = try #require(MessageTypes.all[name])
      lines.append("\(name) \(try hex(type, json)) \(json)")
    }
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: directory + "/messages.txt", atomically: true, encoding: .utf8)
  }

  private func hex<M: Message>(_ type: M.Type, _ json: String) throws -> String {
    let bytes: [UInt8] = try M(jsonString: json).serializedBytes()
    return bytes.map { String(format: "%02x", $0) }.joined()
  }

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap { $0.hexDigitValue.map(UInt8.init) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
