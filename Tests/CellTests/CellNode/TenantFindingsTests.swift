import Storage
import Testing
import Wire

@testable import Cell

@Suite("Findings in tenants") struct TenantFindingsTests {
  private let a = TenantID(trusted: "a")
  private func second(_ n: Int64) -> Timestamp { Timestamp(seconds: 1_000_000 + n) }

  private func blocked(_ number: String) -> TenantFindings.Reading {
    TenantFindings.Reading(blocked: [number])
  }

  @Test func `a blocked number is a problem from when it was first seen until it sends again`() {
    var findings = TenantFindings()
    findings.set(a, blocked("106 (190)"), now: second(1))
    findings.set(a, blocked("106 (190)"), now: second(9))
    let problems = findings.problems(now: second(9))
    #expect(problems.map(\.code) == ["number_blocked"])
    #expect(problems.first?.since == second(1) && problems.first?.tenant == a)
    #expect(problems.first?.detail.contains("106 (190)") == true)
    findings.set(a, TenantFindings.Reading(), now: second(10))
    #expect(findings.problems(now: second(10)).isEmpty)
    findings.set(a, blocked("106"), now: second(20))
    #expect(findings.problems(now: second(20)).map(\.since) == [second(20)])
  }

  @Test func `undercharged messages are a problem for a day`() {
    var findings = TenantFindings()
    let reading = TenantFindings.Reading(undercharged: 3, firstUndercharge: second(5))
    findings.set(a, reading, now: second(6))
    let problem = findings.problems(now: second(6)).first
    #expect(problem?.code == "messages_undercharged" && problem?.since == second(5))
    #expect(problem?.detail.hasPrefix("3 messages") == true)
    #expect(findings.problems(now: second(5 + 86_400)).isEmpty)
  }

  @Test func `the oldest are shown, and only so many`() {
    var findings = TenantFindings()
    for n in 0..<100 {
      findings.set(TenantID(trusted: "t\(n)"), blocked("\(n)"), now: second(Int64(100 - n)))
    }
    let problems = findings.problems(now: second(200))
    #expect(problems.count == TenantFindings.shown)
    #expect(problems.first?.tenant == TenantID(trusted: "t99"))
  }

  @Test func `a tenant's files tell its blocked numbers and what cost too much today`()
    async throws
  {
    let shop = try await Shop()
    func reading() async throws -> TenantFindings.Reading {
      try await shop.read {
        try FindingsStore($0.file(.messages)).reading(
          now: Timestamp(milliseconds: shop.clock.milliseconds()))
      }
    }
    #expect(try await reading().isEmpty)
    let now = Timestamp(milliseconds: shop.clock.milliseconds())
    try await shop.write { tx in
      let number = try #require(try Numbers(tx).find(phoneNumberID: Shop.number))
      try Numbers(tx).setState(number.id, .blocked, reason: "190: the token is not valid")
      let store = MessageStore(try tx.file(.messages))
      for _ in 0..<2 {
        try store.insertAlert(.undercharged, id: tx.freshID(), of: tx.freshID(), at: tx.now)
      }
      try store.insertAlert(.failedAfterDelivery, id: tx.freshID(), of: tx.freshID(), at: tx.now)
    }
    let found = try await reading()
    #expect(found.blocked == ["\(Shop.number) (190: the token is not valid)"])
    #expect(found.undercharged == 2)
    #expect(found.firstUndercharge == now)
    shop.clock.advance(milliseconds: 86_400_001)
    #expect(try await reading().undercharged == 0)
  }
}
