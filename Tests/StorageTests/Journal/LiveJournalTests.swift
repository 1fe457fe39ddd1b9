import Platform
import Testing
import Wire

@testable import Storage

@Suite("Journal on the machine's disk") struct LiveJournalTests {
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let files = LiveFileSystem()
    let name = LiveRandomSource().uint64()
    let directory = "/tmp/aimstors-journal-\(name)/journal"
    try files.createDirectory(directory)
    defer {
      for entry in (try? files.list(directory)) ?? [] { try? files.remove(directory + "/" + entry) }
      try? files.removeEmptyDirectory(directory)
      try? files.removeEmptyDirectory("/tmp/aimstors-journal-\(name)")
    }
    try body(directory)
  }

  @Test func `a lock that is given back is free, though a child that starts has its descriptor`()
    throws
  {
    try withDirectory { directory in
      let path = "\(directory)/lock"
      let lock = try LiveFileSystem().lock(path)
      let child = try #require(OpenDescriptor(of: path))
      #expect(throws: FileError.self) { try LiveFileSystem().lock(path).release() }
      lock.release()
      try LiveFileSystem().lock(path).release()
      withExtendedLifetime(child) {}
    }
  }

  @Test func `many callers are answered and everything is there again`() throws {
    try withDirectory { directory in
      var configuration = JournalConfiguration(
        directory: directory, cell: CellID(trusted: "eu-1"))
      configuration.segmentBytes = 256 * 1024
      configuration.reserveBytes = 64 * 1024
      let bench = JournalBench()
      let first = try Journal.open(configuration, files: LiveFileSystem(), fatal: { _ in })
      #expect(throws: JournalError.ownedByAnotherProcess(directory: directory)) {
        try Journal.open(configuration, files: LiveFileSystem(), fatal: { _ in })
      }
      let answers = Answers()
      // Made before: of one that takes its time an fsync serves few.
      let records = try (0..<3000).map { try bench.record("t\($0 % 50)", size: 200) }
      for (index, record) in records.enumerated() {
        first.journal.append(record, more: index < 2999) { answers.add($0) }
      }
      #expect(answers.wait(for: 3000).last == .durable(CellSeq(3000)))
      let metrics = first.journal.metrics
      #expect(metrics.records == 3000)
      #expect(metrics.groups < 1500, "one fsync serves many")
      #expect(metrics.segments > 2)
      first.journal.close()

      let verification = try JournalVerification.run(directory: directory, files: LiveFileSystem())
      #expect(verification.ok)
      #expect(verification.records == 3000)
      let second = try Journal.open(configuration, files: LiveFileSystem(), fatal: { _ in })
      #expect(second.last == CellSeq(3000))
      #expect(second.heads.count == 50)
      second.journal.close()
    }
  }

  @Test func `errors name operation, path and cause`() throws {
    #expect(throws: FileError(.open, "/nonexistent/file", errno: SystemErrors.notFound)) {
      try LiveFileSystem().open("/nonexistent/file", .read)
    }
    try withDirectory { directory in
      let file = try LiveFileSystem().open(directory + "/x", .create)
      try file.write([1, 2, 3], at: 10)
      #expect(try file.length() == 13)
      #expect(try file.bytes(at: 9, count: 100) == [0, 1, 2, 3])
      try file.punch(11..<13)
      #expect(try file.bytes(at: 9, count: 100) == [0, 1, 0, 0])
      try file.truncate(to: 11)
      #expect(try file.bytes(at: 0, count: 100).count == 11)
      file.close()
      #expect(throws: FileError.self) { try file.length() }
      #expect(try LiveFileSystem().list(directory) == ["x"])
      #expect(try LiveFileSystem().freeBytes(directory) > 0)
    }
  }
}
