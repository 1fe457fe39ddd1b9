import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// The mark of this run of the machine where no engine is there to take it away.
@Suite("The mark of this boot", .timeLimit(.minutes(1))) struct BootMarkTests {
  private let disk = SimulatedDisk()

  private func marked() throws -> BootMark {
    let files = disk.fileSystem()
    try files.createDirectory("/data")
    let mark = BootMark(directory: "/data", files: files)
    try mark.set()
    #expect(mark.isUnbroken())
    return mark
  }

  @Test func `a mark whose name stays after a failed fsync is believed by nobody`() throws {
    let mark = try marked()
    disk.inject(.init(.remove, call: 1, .error(SystemErrors.io)))
    mark.discard()
    #expect(disk.paths.contains("/data/boot"))
    #expect(!mark.isUnbroken())
    // It is set again, and taken away, as ever.
    try mark.set()
    #expect(mark.isUnbroken())
    mark.discard()
    #expect(!disk.paths.contains("/data/boot"))
    mark.discard()
  }

  @Test func `where a disk refuses both it stays, as people are told`() throws {
    let mark = try marked()
    disk.inject(.init(.remove, call: 1, .error(SystemErrors.io)))
    disk.inject(.init(.write, call: 1, .error(SystemErrors.io)))
    mark.discard()
    #expect(disk.paths.contains("/data/boot"))
    #expect(mark.isUnbroken())
    // Once the disk takes it again, another failure takes it away.
    mark.discard()
    #expect(!mark.isUnbroken())
  }

  @Test func `a failed fsync of an opening before the engine's takes it away`() throws {
    let mark = try marked()
    disk.inject(.init(.syncDirectory, call: 1, .error(SystemErrors.io)))
    #expect(throws: FileError.self) {
      try JournalCopying.open(
        dataDirectory: "/data", cell: CellID(trusted: "eu-1"), generation: .first,
        files: disk.fileSystem(), fatal: { _ in })
    }
    #expect(!mark.isUnbroken())
  }

  @Test func `so does one of what is appended before the engine's`() async throws {
    let mark = try marked()
    let bench = JournalBench(disk: disk)
    bench.configuration.isCopy = true
    let fatal = Events<JournalFatality>()
    let journal = try JournalCopying.open(
      bench.configuration, dataDirectory: "/data", files: disk.fileSystem(),
      fatal: { fatal.add($0) })
    #expect(mark.isUnbroken())
    var builder = GroupBuilder(
      cell: bench.configuration.cell, generation: .first, list: .empty, capacity: 1_024)
    _ = builder.build([try bench.record("acme")], after: .start)
    let group = try DurableGroup(decoding: builder.bytes)
    disk.inject(CallFault(.sync, call: 1, of: "/data/journal", isPermanent: false))
    journal.append(group) { _ in }
    await fatal.wait(for: 1)
    #expect(!mark.isUnbroken())
    journal.close()
  }

  @Test func `so does one of the replica's file`() throws {
    let mark = try marked()
    let file = ReplicaFile(directory: "/data", files: disk.fileSystem())
    disk.inject(CallFault(.sync, call: 1, of: "/data/replica", isPermanent: false))
    #expect(throws: FileError.self) {
      try file.store(ReplicaState(role: .follower, generation: .first))
    }
    #expect(!mark.isUnbroken())
  }
}
