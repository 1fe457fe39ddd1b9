import Platform
import Testing
import Wire

@testable import Storage

@Suite("Crash counter") struct CrashCounterTests {
  private let tenant = TenantID(trusted: "t1")
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
      #expect(try file.takeOver(at: at(1), counting: { _ in true }).crashed.isEmpty)
      let page = try LiveFileSystem().open(directory + "/running", .update)
      try page.write([1], at: 128)
      page.close()
      #expect(try file.takeOver(at: at(2), counting: { _ in false }).crashed.isEmpty)
      #expect(try file.takeOver(at: at(3), counting: { _ in true }).crashed == [tenant])
      running.leave()
      _ = file.begin()
      #expect(try file.takeOver(at: at(4), counting: { _ in true }).crashed.isEmpty)
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
