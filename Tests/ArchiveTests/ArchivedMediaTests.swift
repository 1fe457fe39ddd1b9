import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Archive

@Suite struct ArchivedMediaTests {
  private let tenant = ArchiveFixture.tenant

  private func bytes(_ count: Int) -> [UInt8] { SeededRandomSource(seed: 5).bytes(count) }

  @Test(arguments: [0, 1, 100, 101, 250, 300])
  func `media of any size are found again, in as few objects as hold them`(size: Int) async throws {
    try await withArchive { fixture in
      let media = ArchivedMedia(fixture.archive, of: tenant, partBytes: 100)
      let content = bytes(size)
      let hash = SHA256Hash.of(content)
      try await media.put(hash, content, .ordinary)
      try await media.put(hash, content, .ordinary)
      #expect(try await media.content(of: hash) == content)
      #expect(try await media.hashes() == [hash])
      let objects = try await fixture.archive.objects.list(ArchiveNames.media(tenant))
      #expect(objects.count == max(1, (size + 99) / 100))
    }
  }

  @Test func `what lacks its beginning is not listed, what lacks a part is damaged`() async throws {
    try await withArchive { fixture in
      let media = ArchivedMedia(fixture.archive, of: tenant, partBytes: 100)
      let content = bytes(250)
      let hash = SHA256Hash.of(content)
      try await media.put(hash, content, .ordinary)
      let name = ArchiveNames.media(tenant, hash)
      try await fixture.archive.objects.remove("\(name).2")
      #expect(
        await code { () async throws(ArchiveError) in _ = try await media.content(of: hash) }
          == "archive_object_damaged")
      try await fixture.archive.objects.remove(name)
      #expect(try await media.hashes().isEmpty)
      // Begun once and broken off: the same parts again.
      try await media.put(hash, content, .ordinary)
      #expect(try await media.content(of: hash) == content)
    }
  }

  @Test func `a file that is not what its name says is not archived`() async throws {
    try await withArchive { fixture in
      let media = ArchivedMedia(fixture.archive, of: tenant)
      let hash = SHA256Hash.of(bytes(10))
      #expect(
        await code { () async throws(ArchiveError) in
          try await media.put(hash, [1, 2, 3], .ordinary)
        } == "archive_object_damaged")
      let stored = try await media.hashes()
      #expect(stored.isEmpty)
    }
  }

  @Test func `a document larger than an object of the archive comes back with its tenant`()
    async throws
  {
    try await withArchive { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      var document = [UInt8](repeating: 7, count: MediaStore.maximumBytes)
      document[document.count - 1] = 8
      let hash = try await fixture.engine.putMedia(tenant, document)
      try await fixture.pay(1...3)
      let manifest = try #require(try await fixture.service.snapshot(tenant))
      #expect(manifest.media == ["\(hash)"])
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let restored = try await fixture.restore(.latest)
      #expect(restored.media == [hash])
      let found = try FileTree.bytes(
        "\(fixture.directory)/restored/media/\(hash)", LiveFileSystem())
      #expect(found == document)
    }
  }
}
