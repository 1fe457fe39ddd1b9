import Cryptography
import Testing
import Trust
import Wire

@Suite("Session rules") struct SessionRuleTests {
  private func known(used: Int64? = nil, successorUsed: Bool = false) -> RefreshRule.Known {
    RefreshRule.Known(
      expiresAt: Timestamp(seconds: 1_000), usedAt: used.map { Timestamp(milliseconds: $0) },
      isSuccessorUsed: successorUsed, sessionEndedAt: nil,
      sessionExpiresAt: Timestamp(seconds: 2_000))
  }

  @Test func `a token is used once, and again only while its answer may have been lost`() {
    func decide(_ known: RefreshRule.Known, _ now: Int64) -> RefreshRule.Decision {
      RefreshRule.decide(known, now: Timestamp(milliseconds: now))
    }
    #expect(decide(known(), 5_000) == .rotate)
    #expect(decide(known(used: 5_000), 5_000) == .repeatAnswer)
    #expect(decide(known(used: 5_000), 15_000) == .repeatAnswer)
    #expect(decide(known(used: 5_000), 15_001) == .reuse)
    #expect(decide(known(used: 5_000, successorUsed: true), 5_001) == .reuse)
    #expect(decide(known(), 1_000_000) == .expired)
    // A replay of an expired token is a replay still.
    #expect(decide(known(used: 5_000), 1_000_001) == .reuse)
    var ended = known()
    ended.sessionEndedAt = Timestamp(seconds: 1)
    #expect(decide(ended, 5_000) == .ended)
    var old = known()
    old.sessionExpiresAt = Timestamp(seconds: 4)
    #expect(decide(old, 5_000) == .expired)
  }

  @Test func `a time without answers does not count, up to two minutes of it`() {
    func decide(_ used: Int64, _ now: Int64, _ from: Int64, _ until: Int64)
      -> RefreshRule.Decision
    {
      RefreshRule.decide(
        known(used: used), now: Timestamp(milliseconds: now),
        outage: RefreshRule.Outage(
          from: Timestamp(milliseconds: from), until: Timestamp(milliseconds: until)))
    }
    // Used, then nobody answered for a minute: ten seconds from where it was answered again.
    #expect(decide(5_000, 75_000, 5_000, 65_000) == .repeatAnswer)
    #expect(decide(5_000, 75_001, 5_000, 65_000) == .reuse)
    #expect(decide(5_000, 74_000, 7_000, 65_000) == .reuse, "two seconds were answered before")
    // What was used after it knows nothing of it, and a longer one counts as two minutes.
    #expect(decide(70_000, 80_001, 5_000, 65_000) == .reuse)
    #expect(decide(5_000, 905_000, 5_000, 900_000) == .reuse)
    #expect(decide(781_000, 909_000, 5_000, 900_000) == .repeatAnswer)
  }

  @Test(arguments: [
    (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"),
    (1_234_567_890, "89005924"), (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
  ])
  func `codes are those of RFC 6238`(seconds: Int64, code: String) {
    let secret = Array("12345678901234567890".utf8)
    #expect(OneTimeCode.code(secret, step: seconds / 30, digits: 8) == code)
    #expect(OneTimeCode.code(secret, step: seconds / 30) == code.suffix(6))
  }

  @Test func `a code works once, and on a clock that is five minutes off`() {
    let secret = Array("12345678901234567890".utf8)
    let now = Timestamp(seconds: 1_234_567_890)
    let step = OneTimeCode.step(at: now)
    for offset in Int64(-10)...10 {
      let code = OneTimeCode.code(secret, step: step + offset)
      #expect(
        OneTimeCode.match(code, secret: secret, at: now, lastStep: nil) == step + offset)
      #expect(
        OneTimeCode.match(code, secret: secret, at: now, lastStep: step + offset) == nil)
    }
    let far = OneTimeCode.code(secret, step: step + 11)
    #expect(OneTimeCode.match(far, secret: secret, at: now, lastStep: nil) == nil)
    #expect(OneTimeCode.match("12345", secret: secret, at: now, lastStep: nil) == nil)
    #expect(OneTimeCode.match("", secret: secret, at: now, lastStep: nil) == nil)
  }

  @Test(arguments: [
    "short", "password123!", "P@ssw0rd2026", "1234567890", "0987654321", "abcdefghijk",
    "aaaaaaaaaaaa", "qwertyuiop", "Iloveyou2024", "anabel.smith1", "111222111222",
  ])
  func `what is tried first is no password`(password: String) {
    #expect(throws: Failure.self) {
      try PasswordRule.check(password, email: "anabel.smith@example.com")
    }
  }

  @Test(arguments: ["correct horse battery", "zwölf Äpfel im Korb", "8Gw#kd92mfLq"])
  func `length is what counts`(password: String) throws {
    try PasswordRule.check(password, email: "ana@example.com")
  }

  @Test func `recovery codes differ, and are read however they are typed`() {
    var state: UInt64 = 1
    func random(_ count: Int) -> [UInt8] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1
        return UInt8(truncatingIfNeeded: state >> 33)
      }
    }
    let codes = (0..<100).map { _ in RecoveryCode.make(random: random) }
    #expect(Set(codes).count == 100)
    #expect(codes.allSatisfy { $0.utf8.count == 11 })
    #expect(
      RecoveryCode.hash(codes[0])
        == RecoveryCode.hash(" " + codes[0].uppercased().replacing("-", with: " ")))
    #expect(RecoveryCode.hash(codes[0]) != RecoveryCode.hash(codes[1]))
  }
}
