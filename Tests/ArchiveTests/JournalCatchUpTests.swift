import Foundation
import Logging
import Platform
import Storage
import StorageFixtures
import Synchronization
import Testing
import Wire

@testable import Archive

@Suite("A disk that was set back") struct JournalCatchUpTests {
  private let tenant = ArchiveFixture.tenant
  private let cell = ArchiveFixture.cell
  private let files = LiveFileSystem()

  private func catchUp(_ fixture: ArchiveFixture, _ directory: String) -> JournalCatchUp {
    JournalCatchUp(
      fixture.archive, cell: cell, directory: directory, files: files, logger: Logger(label: "t"))
  }

  /// A cell that has archived ten payments, and its data directory as it was after four.
  private func withImage(
    _ store: FaultyStore, _ body: (String, ArchiveFixture) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let first = try await ArchiveFixture(directory, store: store)
      try await first.startArchived(1...4)
      await first.close()
      let image = FileManager.default
      try image.copyItem(atPath: "\(directory)/cell", toPath: "\(directory)/image")
      let second = try await ArchiveFixture(
        directory, store: store, clock: first.clock, seed: 2)
      second.start()
      try await second.pay(5...10)
      #expect(await second.service.waitUntilArchived(seconds: 120))
      await second.close()
      try await body(directory, second)
    }
  }

  /// One group more out of the archive, as an attempt that was cut off leaves it.
  private func appendOne(_ lost: ArchiveFixture, to image: String) async throws {
    let own = try #require(try JournalEnd.read(dataDirectory: image, cell: cell, files: files))
    var configuration = JournalConfiguration(directory: "\(image)/journal", cell: cell)
    configuration.isCopy = true
    let journal = try Journal.open(configuration, files: files, fatal: { _ in }).journal
    defer { journal.close() }
    try await ArchivedGroups(lost.archive, cell: cell).read(after: own) { groups in
      guard let group = groups.first else { return true }
      _ = await withCheckedContinuation { caller in
        journal.append(group) { caller.resume(returning: $0) }
      }
      return false
    }
  }

  @Test func `what the archive has more is there before anything is served`() async throws {
    let store = FaultyStore()
    try await withImage(store) { directory, lost in
      var calls = 0
      let result = try #require(
        try await catchUp(lost, "\(directory)/image").run(.first, began: .start) {
          calls += $0 ? 100 : 1
        })
      #expect(result.groups > 0 && !result.isEarlier && calls == 1)
      let back = try await ArchiveFixture(
        directory, store: store, clock: lost.clock, seed: 3, data: "image")
      #expect(back.engine.heads[tenant]?.tenantSeq == TenantSeq(11))
      back.start()
      try await back.pay(11...12)
      #expect(await back.service.waitUntilArchived(seconds: 120))
      #expect(back.service.status.problems.isEmpty)
      let reading = try await back.archive.journal(cell)
      #expect(reading.gaps.isEmpty && reading.ignored.isEmpty)
      let served = try await back.engine.digest(tenant, recompute: true)
      let restored = try await back.restore(.latest)
      #expect(restored.position.tenantSeq == TenantSeq(13))
      for file in restored.files { #expect(served.files[file.name] == file.digest) }
      await back.close()
      // There is nothing more of it.
      let more = try await catchUp(lost, "\(directory)/image").run(.first, began: .start)
      #expect(more == nil)
    }
  }

  @Test func `a journal that is not behind, and one that went its own way, stay as they are`()
    async throws
  {
    let store = FaultyStore()
    try await withImage(store) { directory, lost in
      var result = try await catchUp(lost, "\(directory)/cell").run(.first, began: .start)
      #expect(result == nil)
      // Served from the image while nobody looked at the archive.
      let strayed = try await ArchiveFixture(
        directory, store: store, clock: lost.clock, seed: 3, data: "image")
      try await strayed.pay(50...51)
      await strayed.close()
      let before = try JournalEnd.read(
        dataDirectory: "\(directory)/image", cell: cell, files: files)
      result = try await catchUp(lost, "\(directory)/image").run(.first, began: .start)
      #expect(result == nil)
      let after = try JournalEnd.read(
        dataDirectory: "\(directory)/image", cell: cell, files: files)
      #expect(after == before)
    }
  }

  @Test func `one that went its own way concludes nothing from the archive`() async throws {
    let store = FaultyStore()
    try await withImage(store) { directory, lost in
      let heads = store.names.filter { $0.hasPrefix("heads/") }
      // Further than the archive, so that its end is somewhere in this journal, too.
      let strayed = try await ArchiveFixture(
        directory, store: store, clock: lost.clock, seed: 3, data: "image")
      try await strayed.pay(50...70)
      strayed.start()
      while strayed.service.status.problems.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
      #expect(strayed.service.status.problems.map(\.code) == ["archive_incomplete"])
      await strayed.service.lookForSnapshots()
      try await strayed.service.removeOld()
      #expect(store.names.filter { $0.hasPrefix("heads/") } == heads)
      #expect(strayed.service.status.archived == nil)
      await strayed.close()
    }
  }

  @Test func `a promoted replica begins behind what the archive has of its primary`() async throws {
    let store = FaultyStore()
    try await withImage(store) { directory, lost in
      let image = "\(directory)/image"
      let end = try #require(
        try JournalEnd.read(dataDirectory: image, cell: cell, files: files))
      // With records of its own it goes on from those.
      let none = try await catchUp(lost, image).run(Generation(2), began: .start)
      #expect(none == nil)
      // Cut off in the middle, it goes on; nobody has served from it meanwhile.
      let whole = try #require(try await lost.archive.journal(cell).spans.last).last
      try await appendOne(lost, to: image)
      let half = try #require(
        try JournalEnd.read(dataDirectory: image, cell: cell, files: files))
      #expect(half.seq > end.seq && half.seq < whole)
      let stopped = try await catchUp(lost, image).run(Generation(2), began: end)
      #expect(stopped == nil)
      let result = try #require(
        try await catchUp(lost, image).run(Generation(2), began: end, isContinued: true))
      #expect(result.isEarlier && result.end.seq == whole)
      let promoted = try await ArchiveFixture(
        directory, store: store, clock: lost.clock, seed: 3, data: "image",
        generation: Generation(2), oldest: .first)
      #expect(promoted.engine.heads[tenant]?.tenantSeq == TenantSeq(11))
      promoted.start()
      try await promoted.pay(11...12)
      #expect(await promoted.service.waitUntilArchived(seconds: 120))
      #expect(promoted.service.status.problems.isEmpty)
      #expect(try await promoted.restore(.latest).position.tenantSeq == TenantSeq(13))
      await promoted.close()
    }
  }

  @Test func `a promoted replica that served without the archive's word is archived all the same`()
    async throws
  {
    let store = FaultyStore()
    try await withImage(store) { directory, lost in
      let lostEnd = try #require(try await lost.archive.journal(cell).spans.last).last
      // Fewer records than the archive has more, then more than it has.
      for (seed, payments) in [(UInt64(3), Int64(50)...51), (4, 60...75)] {
        let promoted = try await ArchiveFixture(
          directory, store: store, clock: lost.clock, seed: seed, data: "image",
          generation: Generation(2), oldest: .first)
        try await promoted.pay(payments)
        promoted.start()
        #expect(await promoted.service.waitUntilArchived(seconds: 120))
        // Also after a restart.
        #expect(promoted.service.status.problems.map(\.code) == ["archive_tail_abandoned"])
        let reading = try await promoted.archive.journal(cell)
        #expect(reading.gaps.isEmpty && reading.lostTail == nil)
        #expect(reading.ignored.last?.last == lostEnd)
        let served = try await promoted.engine.digest(tenant, recompute: true)
        let restored = try await promoted.restore(.latest)
        #expect(restored.position.tenantSeq == served.tenantSeq)
        for file in restored.files { #expect(served.files[file.name] == file.digest) }
        await promoted.close()
      }
    }
  }

  @Test func `one that another generation has claimed is not touched`() async throws {
    let store = FaultyStore()
    try await withImage(store) { directory, lost in
      _ = try await CellTakeover(lost.archive, cell: cell).claim(Generation(2), at: .zero)
      let span = try #require(try await lost.archive.journal(cell).spans.last)
      let groups = try await lost.archive.groups(cell, span)
      let own = JournalSpan(
        generation: Generation(2), first: span.last.next, last: span.last.next)
      try await lost.archive.put(
        ArchiveNames.journal(cell, own), JournalObject.encode(groups))
      let result = try await catchUp(lost, "\(directory)/image").run(.first, began: .start)
      #expect(result == nil)
    }
  }

  @Test func `an archive that is away holds nothing up`() async throws {
    let store = FaultyStore()
    try await withImage(store) { directory, lost in
      let catchUp = catchUp(lost, "\(directory)/image")
      store.setDown(true)
      let without = try await catchUp.run(.first, began: .start)
      #expect(without == nil)
      store.setDown(false)
      let with = try await catchUp.run(.first, began: .start)
      #expect(with != nil)
    }
  }

  /// The journal answers nothing any more then: whoever starts the cell would wait for ever.
  @Test(.timeLimit(.minutes(10))) func `a disk that fails under it is told to who waits`()
    async throws
  {
    let store = FaultyStore()
    try await withImage(store) { directory, lost in
      let image = "\(directory)/image"
      let failing = JournalCatchUp(
        lost.archive, cell: cell, directory: image, files: FailingDisk(),
        logger: Logger(label: "t"))
      let error = await #expect(throws: JournalFatality.self) {
        try await failing.run(.first, began: .start)
      }
      guard case .synchronizeFailed = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      // The next process reads what is on the disk, and goes on.
      let again = try await catchUp(lost, image).run(.first, began: .start)
      #expect(again != nil)
    }
  }
}

/// The machine's files, none of which becomes durable any more once the journal has been opened.
private final class FailingDisk: LiveFiles {
  let live = LiveFileSystem()
  private let hasFailed = Atomic(false)

  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    FailingFile(inner: try live.open(path, mode), disk: self)
  }

  /// What an opening writes anew has its name once it is durable.
  func rename(_ source: String, to target: String) throws(FileError) {
    try live.rename(source, to: target)
    if target.hasSuffix(".journal") { hasFailed.store(true, ordering: .relaxed) }
  }

  func demandSync(_ path: String) throws(FileError) {
    if hasFailed.load(ordering: .relaxed) { throw FileError(.sync, path, errno: SystemErrors.io) }
  }
}

private struct FailingFile: ForwardingFile {
  let inner: any File
  let disk: FailingDisk

  func synchronize() throws(FileError) {
    try disk.demandSync(path)
    try inner.synchronize()
  }
}
