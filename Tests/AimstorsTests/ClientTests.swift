import GraphSimulator
import Testing

@testable import aimstors

@Suite struct ClientTests {
  @Test func `hosts under localhost are dialled at 127.0.0.1 and named in Host`() {
    let (url, host) = HTTPCaller.resolve("http://admin.localhost:8080/v1/tenants?limit=1")
    #expect(url == "http://127.0.0.1:8080/v1/tenants?limit=1" && host == "admin.localhost")
    #expect(HTTPCaller.resolve("https://api.example.com/x").host == nil)
    #expect(HTTPCaller.resolve("http://127.0.0.1:1").url == "http://127.0.0.1:1")
  }

  @Test func `columns of a table line up`() {
    var table = Table("id", "name")
    table.add("1", "long name")
    table.add("1234", "b")
    #expect(table.text == "id    name\n1     long name\n1234  b")
  }

  @Test(
    arguments: [
      (0, "0.000000"), (1, "0.000001"), (12_500_000, "12.500000"), (-70_000, "-0.070000"),
    ] as [(Int64, String)])
  func `micros are shown as amounts`(_ micros: Int64, _ text: String) {
    let object: JSON = ["a": .integer(micros)]
    #expect(object.amount("a") == text && object.amount("b") == "-")
  }

  @Test func `a digest that the scan does not confirm is exit code 3`() throws {
    try TenantCommand.Digest.check([
      "files": ["ledger": "aa"], "recomputed_files": ["ledger": "aa"],
    ])
    do {
      try TenantCommand.Digest.check([
        "files": ["ledger": "aa"], "recomputed_files": ["ledger": "ab"],
      ])
      Issue.record("a mismatch passed")
    } catch {
      #expect(error.exitCode == .verificationFailed && error.code == "digest_mismatch")
    }
  }
}
