import Chaos
import Testing

/// A few cycles of each storage mode; `tools/chaos` runs as many as one likes.
@Suite("Storage chaos", .timeLimit(.minutes(2))) struct StorageChaosTests {
  @Test func `a damaged journal loses nothing silently`() async throws {
    let report = try await CorruptChaos(cycles: 8, seed: 11) { _ in }.run()
    #expect(report.isOK, "\(report.complaints)")
    #expect(report.faultsHit.count == 8, "\(report.complaints)")
  }

  @Test func `a lost power loses nothing acknowledged`() async throws {
    let report = try await PowerChaos(cycles: 6, seed: 12) { _ in }.run()
    #expect(report.isOK, "\(report.complaints)")
    #expect(report.faultsHit == ["power lost under load": 6, "power lost while recovering": 2])
  }

  @Test func `a failed call of the journal's disk loses nothing acknowledged`() async throws {
    let report = try await IOChaos(cycles: 12, seed: 13) { _ in }.run()
    #expect(report.isOK, "\(report.complaints)")
    #expect(report.faultsHit.count == 12, "\(report.complaints)")
  }

  @Test(arguments: [
    ("power", "ack-before-fsync"), ("power", "forget-dedupe"), ("corrupt", "forget-dedupe"),
    ("io", "forget-dedupe"),
  ])
  func `a broken rule is caught`(_ mode: String, _ sabotage: String) async throws {
    let ended = try await ChaosProcess.run([mode, "--cycles", "2", "--sabotage", sabotage])
    #expect(ended.status == 1)
    #expect(ended.output.contains(#""mode":"\#(mode)","ok":false"#), "\(ended.output)")
  }

  @Test(arguments: [
    ("power", "skip-epoch-check"), ("kill", "skip-generation-check"), ("io", "double-refund"),
    ("hostile", "forget-dedupe"), ("corrupt", "nonsense"),
  ])
  func `a sabotage that a mode cannot show is a wrong call`(
    _ mode: String, _ sabotage: String
  ) async throws {
    let ended = try await ChaosProcess.run([mode, "--cycles", "1", "--sabotage", sabotage])
    #expect(ended.status == 2)
    #expect(ended.output.isEmpty, "\(ended.output)")
  }

  @Test func `the same run without sabotage is ok`() async throws {
    let ended = try await ChaosProcess.run(["power", "--cycles", "1"])
    #expect(ended.status == 0)
    #expect(ended.output.contains(#""mode":"power","ok":true"#), "\(ended.output)")
  }
}
