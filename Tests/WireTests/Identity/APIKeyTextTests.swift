import Testing
import Wire

@Suite("API key text") struct APIKeyTextTests {
  private func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
  }

  @Test(arguments: ["t4k9m2c7x0q1w", "acme", "a_b-Zz", "Z", "_", String(repeating: "-", count: 64)])
  func `a key reads back, tenant in clear`(tenant: String) throws {
    let id = try #require(TenantID(tenant))
    for mode in APIKeyText.Mode.allCases {
      let key = APIKeyText(mode: mode, tenant: id, random: bytes)
      #expect(key.text.hasPrefix("ask_\(mode.rawValue)_"))
      #expect(key.text.dropFirst(9).utf8.allSatisfy(Base62.contains))
      #expect(APIKeyText(key.text) == key)
      #expect(key.secret.count == 30)
      #expect(key.publicID.count == 12)
    }
  }

  @Test func `one key is pinned byte for byte`() throws {
    let key = APIKeyText(
      mode: .live, tenant: TenantID(trusted: "t4k9m2c7x0q1w"), publicID: "3fGh8KqLz0Bd",
      secret: "0123456789ABCDEFGHIJabcdefghij")
    let head = "ask_live_t4k9m2c7x0q1w3fGh8KqLz0Bd0123456789ABCDEFGHIJabcdefghij"
    #expect(key.text.hasPrefix(head))
    #expect(key.text == head + Base62.text(of: CRC32.of(head.utf8), length: 6))
    // The check value of this CRC in every catalogue.
    #expect(CRC32.of("123456789".utf8) == 0xCBF4_3926)
  }

  @Test func `any changed character is noticed`() {
    let text = APIKeyText(mode: .test, tenant: TenantID(trusted: "acme"), random: bytes).text
    for index in text.indices {
      var changed = text
      changed.replaceSubrange(index...index, with: text[index] == "x" ? "y" : "x")
      #expect(APIKeyText(changed) == nil)
    }
  }

  @Test(arguments: [
    "", "ask_live_", "ask_prod_t4k9m2c7x0q1w", "Bearer", String(repeating: "a", count: 4000),
    "ask_live_" + String(repeating: "é", count: 60),
  ])
  func `other text is not a key`(text: String) { #expect(APIKeyText(text) == nil) }
}
