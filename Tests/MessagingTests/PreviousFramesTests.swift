import Foundation
import Testing
import Wire

@testable import Messaging

/// Frames and hellos as earlier versions wrote them.
@Suite("Frames of earlier versions") struct PreviousFramesTests {
  private static let versions = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("VersionFixtures")

  private static func sample(_ kind: Frame.Kind) -> Frame {
    let number = UInt64(kind.rawValue)
    return Frame(
      kind: kind, version: 2, method: UInt16(kind.rawValue) * 7,
      session: SessionToken(high: number * 0x0101_0101_0101, low: ~number),
      budgetMilliseconds: UInt32(kind.rawValue) * 1_000,
      trace: TraceID("0123456789abcdeffedcba9876543210"), payload: [kind.rawValue, 0, 0xFF])
  }

  private static func party(_ role: PeerIdentity.Role, _ id: String) -> HelloParty {
    HelloParty(
      versions: 1...2, identity: PeerIdentity(role: role, id: id, generation: Generation(5)),
      nonce: (0..<32).map { $0 ^ UInt8(id.utf8.count) })
  }

  /// What a hello's two sides say and prove under a key that everybody knows.
  private static func hello() throws -> [String: [UInt8]] {
    let key = try #require(DeploymentKey((0..<32).map { $0 }))
    let (client, server) = (party(.router, "router-1"), party(.cell, "cell-1"))
    return [
      "client": client.bytes, "server": server.bytes,
      "server-proof": HelloTranscript.serverProof(
        key, client: client, server: server, version: 2),
      "client-proof": HelloTranscript.clientProof(
        key, client: client, server: server, version: 2),
    ]
  }

  private static func lines() throws -> [String] {
    let frames = Frame.Kind.allCases.map {
      "frame-\($0.rawValue) \(hex(FrameCodec.encode(sample($0))))"
    }
    return frames + (try hello().sorted { $0.key < $1.key }.map { "\($0.key) \(hex($0.value))" })
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String(format: "%02x", $0) }.joined()
  }

  @Test func `each reads here as it was meant, and is written the same`() throws {
    let directories = try FileManager.default.contentsOfDirectory(
      at: Self.versions, includingPropertiesForKeys: nil
    ).filter(\.hasDirectoryPath)
    #expect(!directories.isEmpty)
    for directory in directories {
      let text = try String(
        contentsOf: directory.appendingPathComponent("frames.txt"), encoding: .utf8)
      let known = Set(try Self.lines())
      let stored = text.split(separator: "\n").map(String.init)
      #expect(stored.count >= 15)
      for line in stored {
        #expect(known.contains(line), "\(directory.lastPathComponent): \(line)")
        let parts = line.split(separator: " ").map(String.init)
        guard parts[0].hasPrefix("frame-"), let number = UInt8(parts[0].dropFirst(6)),
          let kind = Frame.Kind(rawValue: number)
        else { continue }
        let digits = parts[1].compactMap { $0.hexDigitValue.map(UInt8.init) }
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).map {
          digits[$0] << 4 | digits[$0 + 1]
        }
        #expect(FrameCodec.decode(bytes) == Self.sample(kind))
      }
    }
  }

  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["AIMSTORS_WRITE_FIXTURES"] != nil))
  func `writes what this version writes`() throws {
    let directory = ProcessInfo.processInfo.environment["AIMSTORS_WRITE_FIXTURES"] ?? ""
    try (try Self.lines().joined(separator: "\n") + "\n").write(
      toFile: directory + "/frames.txt", atomically: true, encoding: .utf8)
  }
}
