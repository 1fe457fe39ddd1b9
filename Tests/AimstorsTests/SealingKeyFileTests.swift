import Cell
import Testing

@testable import aimstors

@Suite struct SealingKeyFileTests {
  private let one = String(repeating: "01", count: 32)
  private let two = String(repeating: "02", count: 32)

  @Test func `a file of one key is as it was, and more are read newest first`() throws {
    let single = try #require(SealingKeyFile.parse(one + "\n"))
    #expect(single.sealing.count == 1 && single.auditRoot == nil)
    let both = try #require(SealingKeyFile.parse("# new\n\(two)\n\(one)\naudit \(one)\n"))
    #expect(both.sealing.map { $0[0] } == [2, 1] && both.auditRoot?.first == 1)
    #expect(SealingKeyFile.parse(SealingKeyFile.text(both)) == both)
    for bad in [
      "", "# nothing", "xy", String(one.dropLast()), "\(one)\n\(one)", "\(one) \(two)",
      "audit \(one)", "\(one)\naudit \(one)\naudit \(two)", "\(one)\nother \(two)",
      Array(repeating: one, count: 17).joined(separator: "\n"),
    ] {
      #expect(SealingKeyFile.parse(bad) == nil, "\(bad)")
    }
  }

  @Test func `a rotation keeps the keys of audit logs, and so does a retirement`() throws {
    let first = try #require(SealingKeyFile.parse(one))
    let rotated = SealingKeyFile.rotated(first, with: [UInt8](repeating: 2, count: 32))
    #expect(rotated.sealing.map { $0[0] } == [2, 1] && rotated.auditRoot?.first == 1)
    let again = SealingKeyFile.rotated(rotated, with: [UInt8](repeating: 3, count: 32))
    #expect(again.sealing.map { $0[0] } == [3, 2, 1] && again.auditRoot?.first == 1)
    let retired = SealingKeyFile.retired(again)
    #expect(retired.sealing.map { $0[0] } == [3] && retired.auditRoot?.first == 1)
    #expect(SealingKeyFile.retired(first) == first)
  }
}
