import Cryptography
import Testing

@Suite("Cryptography") struct CryptographyTests {
  @Test func `hashes and derived keys are those of the standards`() {
    // RFC 4231, case 2; RFC 5869, case 1.
    #expect(
      KeyedHash.sha256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)).hexText
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    let derived = KeyedHash.derive(
      from: [UInt8](repeating: 0x0b, count: 22), salt: Array(0...12),
      info: String(decoding: [UInt8](0xf0...0xf9).map { $0 & 0x7f }, as: UTF8.self), count: 42)
    #expect(derived.count == 42)
    #expect(
      SHA256Digest.of(Array("abc".utf8)).hexText.hasPrefix("ba7816bf8f01cfea414140de5dae2223"))
  }

  @Test func `a signature holds for its message and key only`() throws {
    // RFC 8032, 7.1, test 1.
    let seed = try #require(
      [UInt8](hexText: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    let key = SigningKey(seed: seed)
    #expect(
      key.verifying.bytes.hexText
        == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    let signature = key.sign([])
    #expect(
      signature.hexText
        == "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
    #expect(key.verifying.isValid(signature, of: []))
    #expect(!key.verifying.isValid(signature, of: [1]))
    #expect(!SigningKey(seed: seed.reversed()).verifying.isValid(signature, of: []))
    #expect(!key.verifying.isValid(Array(signature.dropLast()), of: []))
  }

  @Test func `a sealed secret opens with its key for its owner only`() {
    let key = [UInt8](repeating: 7, count: 32)
    let nonce = [UInt8](repeating: 1, count: 12)
    let sealed = SealedSecret.seal([1, 2, 3], key: key, owner: "t1/x", nonce: nonce)
    #expect(SealedSecret.open(sealed, key: key, owner: "t1/x") == [1, 2, 3])
    #expect(SealedSecret.open(sealed, key: key, owner: "t2/x") == nil)
    #expect(SealedSecret.open(sealed, key: key.map { $0 + 1 }, owner: "t1/x") == nil)
    for index in sealed.indices {
      var bent = sealed
      bent[index] ^= 1
      #expect(SealedSecret.open(bent, key: key, owner: "t1/x") == nil)
    }
    #expect(SealedSecret.open(Array(sealed.prefix(20)), key: key, owner: "t1/x") == nil)
  }

  @Test func `a password is known by its bcrypt, of the blueprint's cost too`() throws {
    let salt = [UInt8](repeating: 3, count: 16)
    let hash = try #require(PasswordHash.make("correct horse", cost: 6, salt: salt))
    #expect(hash.hasPrefix("$2b$06$"))
    #expect(PasswordHash.cost(of: hash) == 6)
    #expect(PasswordHash.verify("correct horse", hash))
    #expect(!PasswordHash.verify("correct horsf", hash))
    // A vector that other programs agree on.
    let known = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    #expect(PasswordHash.verify("U*U", known))
    #expect(PasswordHash.make(String(repeating: "x", count: 73), cost: 6, salt: salt) == nil)
    #expect(!PasswordHash.verify("x", "$6$no$bcrypt"))
  }

  @Test func `bytes are read back from their texts`() {
    for count in 0..<70 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 200) }
      #expect([UInt8](base64Text: bytes.base64Text) == bytes)
      #expect([UInt8](hexText: bytes.hexText) == bytes)
    }
    #expect(Array("foobar".utf8).base64Text == "Zm9vYmFy")
    #expect(Array("fooba".utf8).base64Text == "Zm9vYmE=")
    #expect([UInt8](base64Text: "Zg=") == nil)
    #expect([UInt8](base64Text: "Zg=?") == nil)
    #expect(Array("foobar".utf8).base32Text == "MZXW6YTBOI")
  }
}
