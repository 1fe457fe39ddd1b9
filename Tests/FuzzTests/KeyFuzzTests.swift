import Testing
import Wire

/// API keys as anybody may write them.
@Suite("API keys, fuzzed") struct KeyFuzzTests {
  private static let keys: [[UInt8]] = [
    ("acme", APIKeyText.Mode.live), ("a_b-cZ9", .test), ("t4k9m2c7x0q1w", .live),
  ].map { tenant, mode in
    let key = APIKeyText(
      mode: mode, tenant: TenantID(trusted: tenant), publicID: "3fGh8KqLz0Bd",
      secret: "0123456789ABCDEFGHIJKLMNOPQRST")
    return Array(key.text.utf8)
  }

  @Test func `a key of any bytes is read or refused`() {
    let words = ["ask_live_", "ask_test_", "Z", "Za", "ZZ", "\u{301}", "\0"].map { Array($0.utf8) }
    Fuzzing.run(Mutator(Self.keys, words: words, seed: 8)) { input, mutator in
      var text = String(decoding: input, as: UTF8.self)
      if !mutator.chance(3), text.utf8.count > APIKeyText.checksumLength {
        // A right checksum: the rules behind it are reached.
        let head = String(decoding: Array(text.utf8).dropLast(6), as: UTF8.self)
        text = head + Base62.text(of: CRC32.of(head.utf8), length: APIKeyText.checksumLength)
      }
      guard let key = APIKeyText(text) else { return false }
      // One spelling per key: what is read is what would be shown.
      #expect(key.text == text)
      #expect(key.tenant.rawValue.utf8.count <= text.utf8.count)
      return true
    }
  }
}
