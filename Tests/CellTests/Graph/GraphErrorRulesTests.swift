import Testing

@testable import Cell

@Suite("Graph error rules") struct GraphErrorRulesTests {
  /// The published table: code, action in letters (retry first).
  static let published: [(Int, String)] = [
    (0, "A"), (1, "R+F"), (2, "R"), (3, "A"), (4, "R"), (10, "A"), (33, "A"), (100, "F"),
    (190, "A"), (200, "A"), (250, "A"), (299, "A"), (368, "A"), (80007, "R"), (80008, "R"),
    (130403, "T"), (130429, "R"), (130472, "T"), (130497, "T+C"), (131000, "R"), (131005, "A"),
    (131008, "F"), (131009, "F"), (131016, "R"), (131021, "F"), (131026, "T"), (131030, "F"),
    (131031, "A"), (131037, "A"), (131042, "C+A"), (131045, "A"), (131047, "T"),
    (131048, "R24+C"), (131049, "R24"), (131050, "T"), (131051, "F"), (131052, "R+F"),
    (131053, "F"), (131055, "F"), (131056, "R"), (131057, "R"), (131062, "F"), (131063, "C"),
    (131064, "C"), (132000, "C+F"), (132001, "C+F"), (132005, "F"), (132007, "C"), (132008, "F"),
    (132012, "F"), (132018, "F"), (132015, "C"), (132016, "C"), (132068, "C"), (132069, "C"),
    (133000, "A"), (133004, "R"), (133005, "F"), (133006, "F"), (133008, "F"), (133009, "F"),
    (133010, "A"), (133015, "R"), (133016, "R"), (134011, "A"), (134100, "F"), (134101, "R"),
    (134102, "A"), (135000, "F"), (137000, "F"), (138001, "F"), (139001, "F"), (2_388_019, "F"),
    (2_388_039, "F"), (2_388_040, "F"), (2_388_047, "F"), (2_388_072, "F"), (2_388_073, "F"),
    (2_388_293, "F"), (2_388_299, "F"), (2_494_100, "R"),
  ]

  @Test(arguments: published)
  func `a published code has its published action`(code: Int, letters: String) throws {
    let row = try #require(GraphErrorRules.row(code: code))
    #expect(row.letters == letters)
  }

  @Test func `rows do not overlap and every row is published`() {
    let rows = GraphErrorRules.table
    for (a, b) in zip(rows, rows.dropFirst()) {
      #expect(a.codes.upperBound < b.codes.lowerBound, "\(a.codes) before \(b.codes)")
    }
    for row in rows {
      #expect(Self.published.contains { row.codes.contains($0.0) }, "\(row.codes)")
      #expect(!row.meaning.isEmpty && !row.advice.isEmpty)
    }
  }

  @Test func `the pair limit backs off by powers of four`() throws {
    let retry = try #require(GraphErrorRules.row(code: 131056)?.retry)
    let delays = (1...7).map { retry.delayMilliseconds(attempt: $0) }
    #expect(delays == [1000, 4000, 16_000, 64_000, 256_000, 1_024_000, nil])
  }

  @Test func `a withheld marketing message waits a day, three times`() throws {
    let retry = try #require(GraphErrorRules.row(code: 131049)?.retry)
    #expect(
      (1...4).map { retry.delayMilliseconds(attempt: $0) } == [
        86_400_000, 86_400_000, 86_400_000, nil,
      ])
  }

  @Test func `parameters of single rows are the published ones`() {
    func first(_ code: Int) -> Int64? {
      GraphErrorRules.row(code: code)?.retry?.firstDelayMilliseconds
    }
    #expect(first(133015) == 300_000)
    #expect(first(133016) == 259_200_000)
    #expect(first(131057) == 60_000)
    #expect(first(134101) == 600_000)
    #expect(GraphErrorRules.row(code: 131052)?.retry?.attempts == 1)
    #expect(GraphErrorRules.row(code: 131050)?.effects == [.optOut])
    #expect(GraphErrorRules.row(code: 130429)?.effects == [.slowNumber])
    #expect(GraphErrorRules.row(code: 131026)?.effects == [.unreachable])
  }

  @Test func `an unknown code follows its kind`() {
    func letters(_ error: GraphError) -> String { GraphErrorRules.rule(for: error).letters }
    #expect(letters(GraphError(code: 777_777, title: "", httpStatus: 400)) == "F")
    #expect(letters(GraphError(code: 777_777, title: "", httpStatus: 503)) == "R")
    let transient = GraphError(code: 777_777, title: "", isTransient: true, httpStatus: 400)
    #expect(letters(transient) == "R")
    #expect(GraphErrorRules.asyncRule(for: GraphError(code: 777_777, title: "")).letters == "T")
  }

  @Test func `a known subcode wins over its code`() {
    let error = GraphError(code: 100, subcode: 2_494_100, title: "", httpStatus: 400)
    #expect(GraphErrorRules.rule(for: error).letters == "R")
  }

  @Test func `decisions follow from the row`() throws {
    func decide(_ code: Int, _ attempt: Int, campaign: Bool = true) throws -> RefusalDecision {
      try #require(GraphErrorRules.row(code: code)).decide(attempt: attempt, inCampaign: campaign)
    }
    #expect(try decide(131026, 1) == .fail)
    #expect(try decide(190, 1) == .requeue)
    #expect(try decide(190, 1, campaign: false) == .requeue)
    #expect(try decide(132015, 1) == .requeue)
    #expect(try decide(132015, 1, campaign: false) == .fail)
    #expect(try decide(132001, 1) == .fail)
    #expect(try decide(131000, 1) == .retry(afterMilliseconds: 60_000))
    #expect(try decide(131000, 2) == .ambiguous)
    #expect(try decide(1, 3) == .retry(afterMilliseconds: 8_000))
    #expect(try decide(1, 4) == .fail)
    #expect(try decide(131048, 4) == .fail)
  }
}
