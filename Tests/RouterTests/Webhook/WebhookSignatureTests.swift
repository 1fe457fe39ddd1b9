import Testing
import Wire

@testable import Router

@Suite("Webhook signature") struct WebhookSignatureTests {
  private let app = PlacementMap.MetaApp.testing(secret: "new", previousSecret: "old")
  private let body = Array("{\"entry\":[]}".utf8)

  private func code(_ header: String?, _ body: [UInt8]? = nil) -> FailureCode? {
    do throws(Failure) {
      try WebhookSignature.check(header, body ?? self.body, app)
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `RFC 4231's second test vector comes out`() {
    let mac = Digests.hmacSHA256(
      key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
    #expect(mac.starts(with: [0x5B, 0xDC, 0xC1, 0x46, 0xBF, 0x60, 0x75, 0x4E]))
    #expect(mac.suffix(4) == [0x64, 0xEC, 0x38, 0x43])
  }

  @Test func `the current and the previous secret are good, any other is not`() {
    #expect(code(TestMap.signature("new", body)) == nil)
    #expect(code(TestMap.signature("old", body)) == nil)
    #expect(code(TestMap.signature("older", body)) == .signatureWrong)
    #expect(code(TestMap.signature("", body)) == .signatureWrong)
    #expect(code(TestMap.signature("new", body), body + [0x20]) == .signatureWrong)
  }

  @Test(arguments: ["", "sha256=", "sha1=abc", "sha256=zz", "abc"])
  func `a malformed header is a wrong one, a missing header is a missing one`(header: String) {
    #expect(code(header) == .signatureWrong)
    #expect(code(nil) == .signatureMissing)
  }
}
