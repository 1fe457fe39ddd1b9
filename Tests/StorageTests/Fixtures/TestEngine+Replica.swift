import Testing
import Wire

@testable import Storage

/// One engine's journal at another, without messages between.
extension TestEngine {
  /// Copies everything that the primary has and this follower lacks, until it is applied; answers
  /// how many groups that are.
  @discardableResult
  func follow(_ primary: TestEngine) async throws -> Int {
    let from = try #require(primary.engine.journal)
    let to = try #require(engine.journal)
    var tail = from.tail(.afterGroup(to.end.group), .onThisDisk)
    defer { tail.close() }
    var count = 0
    while let group = try tail.available() {
      try await engine.follow(group)
      count += 1
    }
    while engine.applied?.seq != to.lastSeq { await Task.yield() }
    return count
  }
}

extension EngineConfiguration {
  /// Every few payments end a segment, and only the test flushes.
  mutating func endsSegmentsSoon() {
    flushInterval = .seconds(3_600)
    adjustJournal = {
      $0.segmentBytes = 4_096
      $0.groupBytes = 2_048
      $0.reserveBytes = 0
      $0.preparesAhead = false
    }
  }
}

extension CrashFile {
  /// As if each of the tenants had ended so many processes that the next start keeps it closed.
  func quarantine(_ tenants: [TenantID]) throws {
    var counter = CrashCounter()
    for second in Int64(0)..<3 {
      for tenant in tenants {
        counter.crashed(tenant, at: Timestamp(milliseconds: second * 1_000))
      }
    }
    try write(counter)
  }
}
