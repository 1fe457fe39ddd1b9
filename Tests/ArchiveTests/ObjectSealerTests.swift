import Platform
import Simulation
import Testing
import Wire

@testable import Archive

@Suite struct ObjectSealerTests {
  private let content = Array("money, and who may see it, and a good deal more of the same".utf8)

  private func sealer(
    _ byte: UInt8 = 7, deployment: String = ArchiveFixture.deployment
  ) throws -> ObjectSealer {
    ObjectSealer(
      keys: ArchiveKeyRing(ArchiveKeys(try ArchiveFixture.key(byte, deployment: deployment))),
      random: SeededRandomSource(seed: 1))
  }

  @Test func `after a rotation the new key seals, and both open`() throws {
    let old = try ArchiveFixture.key()
    let sealer = try sealer()
    let before = sealer.seal(content, as: "a")
    let rotated = try sealer.keys.keys.rotated(random: SeededRandomSource(seed: 2))
    #expect(sealer.keys.replace(with: rotated))
    #expect(!sealer.keys.replace(with: rotated))
    let after = sealer.seal(content, as: "b")
    #expect(ObjectSealer.keyID(of: before) == old.id)
    #expect(ObjectSealer.keyID(of: after) == rotated.newest.id)
    #expect(ObjectSealer.keyID(of: content) == nil)
    #expect(try sealer.open(before, as: "a") == content)
    #expect(try sealer.open(after, as: "b") == content)
    // Who has the first key only opens what it sealed, and says which key is missing.
    let behind = try self.sealer()
    #expect(try behind.open(before, as: "a") == content)
    #expect(throws: ArchiveError.wrongKey(name: "b", found: rotated.newest.id)) {
      try behind.open(after, as: "b")
    }
  }

  @Test func `keys of a file are of one deployment, each once, and few`() throws {
    let one = try ArchiveFixture.key()
    let foreign = try ArchiveFixture.key(deployment: String(repeating: "ab", count: 16))
    let bad: [[ArchiveKey]] = [[], [one, one], [one, foreign]]
    for keys in bad { #expect(throws: ArchiveError.self) { try ArchiveKeys(keys) } }
    let random = SeededRandomSource(seed: 3)
    var keys = ArchiveKeys(one)
    for _ in 1..<ArchiveKeys.maximum { keys = try keys.rotated(random: random) }
    #expect(keys.all.count == ArchiveKeys.maximum && keys.all.last == one)
    #expect(throws: ArchiveError.self) { try keys.rotated(random: random) }
  }

  @Test func `what was sealed opens under its name`() throws {
    let sealer = try sealer()
    for content in [[], content, [UInt8](repeating: 9, count: 300_000)] {
      #expect(try sealer.open(sealer.seal(content, as: "a/b"), as: "a/b") == content)
    }
  }

  @Test func `nothing of the content can be read, and no two objects are alike`() throws {
    let sealer = try sealer()
    let first = sealer.seal(content, as: "a")
    #expect(first != sealer.seal(content, as: "a"))
    let window = content.prefix(12)
    #expect(!first.indices.dropLast(12).contains { first[$0..<($0 + 12)] == window })
  }

  @Test func `a wrong key, another deployment and another name are told apart`() throws {
    let object = try sealer().seal(content, as: "a")
    let wrong = try sealer(8)
    let key = try ArchiveFixture.key().id
    #expect(throws: ArchiveError.wrongKey(name: "a", found: key)) {
      try wrong.open(object, as: "a")
    }
    let other = "ff" + ArchiveFixture.deployment.dropFirst(2)
    let theirs = try sealer(deployment: other)
    #expect(
      throws: ArchiveError.otherDeployment(name: "a", found: ArchiveFixture.deployment)
    ) { try theirs.open(object, as: "a") }
    let ours = try sealer()
    #expect(throws: ArchiveError.swapped(name: "b", found: "a")) {
      try ours.open(object, as: "b")
    }
  }

  @Test func `every cut and every flipped byte is found`() throws {
    let sealer = try sealer()
    let object = sealer.seal(content, as: "a")
    for count in object.indices {
      #expect(throws: ArchiveError.self) { try sealer.open(Array(object[..<count]), as: "a") }
    }
    #expect(throws: ArchiveError.truncated(name: "a")) {
      try sealer.open(Array(object.dropLast()), as: "a")
    }
    for index in object.indices {
      var changed = object
      changed[index] ^= 0x10
      #expect(throws: ArchiveError.self) { try sealer.open(changed, as: "a") }
    }
    #expect(throws: ArchiveError.self) { try sealer.open(object + [0], as: "a") }
  }
}
