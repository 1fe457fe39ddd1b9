import Testing
import Trust
import Wire

@testable import Cell

@Suite("Scopes, sealing") struct ScopesAndSealingTests {
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
