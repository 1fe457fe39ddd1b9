import Platform
import Simulation
import StorageFixtures
import Testing
import Wire

@testable import Storage

@Suite("Crash counter") struct CrashCounterTests {
  private let tenant = TenantID(trusted: "t1")
  /// The file `running` of a process that crashed with the tenant `t1`.
  private var marked: [UInt8] {
    var page = [UInt8](repeating: 0, count: 256)
    page.replaceSubrange(128..<132, with: [1, 2, UInt8(ascii: "t"), UInt8(ascii: "1")])
    return page
  }

  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1_000) }

  @Test func `the third crash within an hour is a quarantine`() {
    var counter = CrashCounter()
    counter.crashed(tenant, at: at(0))
    counter.crashed(tenant, at: at(1_800))
    #expect(counter.quarantined.isEmpty)
    counter.crashed(tenant, at: at(3_599))
    #expect(counter.quarantined == [tenant: at(3_599)])
  }

  @Test func `crashes an hour apart are forgotten, others' are others'`() {
    var counter = CrashCounter()
    for hour in Int64(0)..<6 { counter.crashed(tenant, at: at(hour * 3_600)) }
    counter.crashed(TenantID(trusted: "t2"), at: at(6 * 3_600 - 1))
    #expect(counter.quarantined.isEmpty)
  }

  @Test func `a quarantine outlives its hour and ends with a release, which forgets the crashes`() {
    var counter = CrashCounter()
    for second in Int64(0)..<3 { counter.crashed(tenant, at: at(second)) }
    counter.crashed(TenantID(trusted: "t2"), at: at(100_000))
    #expect(counter.quarantined == [tenant: at(2)])
    let (first, second) = (counter.release(tenant), counter.release(tenant))
    #expect(first)
    #expect(!second)
    counter.crashed(tenant, at: at(100_001))
    #expect(counter.quarantined.isEmpty)
  }

  @Test func `what is written is read again; a line that is none counts for nothing`() {
    var counter = CrashCounter()
    for second in Int64(0)..<3 { counter.crashed(tenant, at: at(second)) }
    counter.crashed(TenantID(trusted: "t2"), at: at(3))
    let (read, unreadable) = CrashCounter.read(counter.text + "not/an/id - 5\n")
    #expect(read == counter)
    #expect(unreadable == ["not/an/id - 5"])
  }

  @Test func `a kill blames nobody, a marked slot its tenant`() async throws {
    try await withTemporaryDirectory { directory in
      let file = CrashFile(directory: directory, files: LiveFileSystem())
      let running = try #require(file.begin())
      running.enter(tenant)
      // As after kill -9: named, not marked.
      #expect(file.takeOver(at: at(1), counting: { _ in true }).crashed.isEmpty)
      let page = try LiveFileSystem().open(directory + "/running", .update)
      try page.write([1], at: 128)
      page.close()
      #expect(file.takeOver(at: at(2), counting: { _ in false }).crashed.isEmpty)
      #expect(file.takeOver(at: at(3), counting: { _ in true }).crashed == [tenant])
      running.leave()
      _ = file.begin()
      #expect(file.takeOver(at: at(4), counting: { _ in true }).crashed.isEmpty)
    }
  }

  @Test func `a thread that ends gives its place back`() async throws {
    try await withTemporaryDirectory { directory in
      let running = try #require(CrashFile(directory: directory, files: LiveFileSystem()).begin())
      // More of them than there are places.
      for index in 0..<40 {
        let tenant = TenantID(trusted: "t\(index)")
        let named = await Blocking.run("work") {
          (running.during(tenant) { RunningTenants.current }, RunningTenants.current)
        }
        let (inside, after) = try named.get()
        #expect(inside == tenant)
        #expect(after == nil)
      }
    }
  }

  @Test func `on a full disk who crashed is quarantined at once; what was counted stays`() throws {
    let disk = SimulatedDisk()
    let files = disk.fileSystem()
    try files.createDirectory("/data")
    let file = CrashFile(directory: "/data", files: files)
    var counter = CrashCounter()
    counter.crashed(tenant, at: at(1))
    try file.write(counter)
    let running = try files.open("/data/running", .create)
    try running.write(marked, at: 0)
    running.close()

    disk.limitFreeBytes(0)
    let taken = file.takeOver(at: at(3), counting: { _ in true })
    #expect(taken.crashed == [tenant])
    #expect(taken.counter.quarantined == [tenant: at(3)])
    #expect(taken.failures.map(\.isDiskFull) == [true])
    #expect(try file.read().counter == counter)
    disk.limitFreeBytes(.max)
    #expect(file.takeOver(at: at(4), counting: { _ in true }).failures.isEmpty)
    #expect(try file.read().counter.entries[tenant]?.crashes == [at(1), at(4)])

    // Over what cannot be read nothing is written: it may hold quarantines.
    disk.inject(.init(.read, call: 1, .error(SystemErrors.io)))
    let unread = file.takeOver(at: at(5), counting: { _ in true })
    #expect(unread.crashed == [tenant] && unread.failures.count == 1)
    #expect(unread.counter.quarantined == [tenant: at(5)])
    #expect(try file.read().counter.entries[tenant]?.crashes == [at(1), at(4)])
  }

  @Test func `a cell that crashed starts though its crash cannot be written`() async throws {
    try await withTemporaryDirectory { directory in
      let other = TenantID(trusted: "t2")
      let first = try await TestEngine(directory) { $0.quarantines = { _ in true } }
      try await first.engine.create(tenant, epoch: .first)
      try await first.engine.create(other, epoch: .first)
      try await first.pay(1)
      await first.close()
      let page = try LiveFileSystem().open(directory + "/running", .create)
      try page.write(marked, at: 0)
      page.close()
      let files = FullFor(suffix: "/crashes.new")
      let second = try await TestEngine(directory, files: files) { $0.quarantines = { _ in true } }
      // The next start could not count on: it would be the first crash again, for ever.
      #expect(second.engine.problems.map(\.code) == ["tenant_quarantined"])
      await #expect(throws: Failure.self) { try await second.pay(2) }
      try await second.pay(2, other)
      await second.close()
      let third = try await TestEngine(directory) { $0.quarantines = { _ in true } }
      try await third.pay(2)
      await third.close()
    }
  }

  @Test func `a quarantined tenant starts stopped with its problem; a release serves it again`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let other = TenantID(trusted: "t2")
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      try await first.engine.create(other, epoch: .first)
      try await first.pay(1)
      await first.close()

      let file = CrashFile(directory: directory, files: LiveFileSystem())
      var counter = CrashCounter()
      for second in Int64(0)..<3 { counter.crashed(tenant, at: at(second)) }
      try file.write(counter)
      let second = try await TestEngine(directory) { $0.quarantines = { _ in true } }
      let problem = try #require(second.engine.problems.first)
      #expect(problem.code == "tenant_quarantined" && problem.tenant == tenant)
      #expect(problem.since == at(2))
      await #expect(throws: Failure.self) { try await second.pay(2) }
      try await second.pay(2, other)
      await second.close()

      #expect(try file.release(tenant))
      let third = try await TestEngine(directory) { $0.quarantines = { _ in true } }
      #expect(third.engine.problems.isEmpty)
      try await third.pay(2)
      #expect(try await third.counts() == [2, 2])
      await third.close()
    }
  }
}

/// The machine's files, on a disk without room for those of one name.
private struct FullFor: LiveFiles {
  let suffix: String
  let live = LiveFileSystem()

  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    if path.hasSuffix(suffix) { throw FileError(.open, path, errno: SystemErrors.noSpace) }
    return try live.open(path, mode)
  }
}
