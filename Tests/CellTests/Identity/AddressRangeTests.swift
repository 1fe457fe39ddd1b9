import Testing
import Trust
import Wire

@testable import Cell

@Suite("Address ranges, scopes, sealing") struct AddressRangeTests {
  @Test(arguments: [
    ("192.0.2.0/24", "192.0.2.200", true), ("192.0.2.0/24", "192.0.3.1", false),
    ("192.0.2.0/24", "::ffff:192.0.2.7", true), ("10.0.0.0/9", "10.127.0.1", true),
    ("10.0.0.0/9", "10.128.0.1", false), ("203.0.113.7", "203.0.113.7", true),
    ("203.0.113.7", "203.0.113.8", false), ("0.0.0.0/0", "8.8.8.8", true),
    ("0.0.0.0/0", "2001:db8::1", false), ("2001:db8::/32", "2001:db8:1::1", true),
    ("2001:db8::/32", "2001:db9::1", false), ("::/0", "10.0.0.1", true),
    ("2001:db8::/33", "2001:db8:8000::1", false),
  ])
  func `a range holds its addresses and no others`(range: String, address: String, holds: Bool)
    throws
  {
    let range = try #require(AddressRange(range))
    #expect(range.contains(try #require(NetworkAddress(address))) == holds)
  }

  @Test(arguments: [
    "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "::/129", "a/8", "10.0.0.0/8/8",
    "10.0.0.0/",
  ])
  func `what is no range is refused`(text: String) { #expect(AddressRange(text) == nil) }

  @Test func `a star is what the creator may grant, and nobody grants more`() throws {
    let creator: Scopes = [.messagesRead, .messagesWrite]
    #expect(try Scopes(names: ["*"], grantedBy: creator) == creator)
    #expect(try Scopes(names: ["*"], grantedBy: .all).names == ["*"])
    #expect(try Scopes(names: ["messages:read"], grantedBy: creator) == .messagesRead)
    #expect(throws: Failure.self) { try Scopes(names: ["wallet:read"], grantedBy: creator) }
    #expect(throws: Failure.self) { try Scopes(names: ["everything"], grantedBy: .all) }
    #expect(throws: Failure.self) { try Scopes(names: [], grantedBy: .all) }
  }

  @Test func `a sealed value opens for its owner and in one piece only`() throws {
    let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
    let nonce = [UInt8](repeating: 9, count: Sealer.nonceBytes)
    let plain = Array("EAAG-token".utf8)
    let sealed = sealer.seal(plain, owner: "number/1", nonce: nonce)
    #expect(try sealer.open(sealed, owner: "number/1") == plain)
    #expect(throws: Failure.self) { try sealer.open(sealed, owner: "number/2") }
    for index in sealed.indices {
      var broken = sealed
      broken[index] ^= 1
      #expect(throws: Failure.self) { try sealer.open(broken, owner: "number/1") }
    }
    #expect(throws: Failure.self) { try sealer.open(Array(sealed.dropLast()), owner: "number/1") }
    #expect(throws: Failure.self) {
      try Sealer(key: [UInt8](repeating: 8, count: 32)).open(sealed, owner: "number/1")
    }
    #expect(try sealer.open(sealer.seal([], owner: "o", nonce: nonce), owner: "o") == [])
  }
}
