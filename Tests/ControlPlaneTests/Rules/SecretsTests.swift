import Cryptography
import Simulation
import Testing
import Wire

@testable import ControlPlane

@Suite("Secrets") struct SecretsTests {
  private let random = SeededRandomSource(seed: 7)

  @Test func `a sealed secret opens again, in its own context and under its own key only`() throws {
    let sealer = try Sealer(key: random.bytes(32))
    let sealed = try sealer.seal("s3cret", context: "meta-app/a/secret", nonce: random.bytes(12))
    #expect(try sealer.open(sealed, context: "meta-app/a/secret") == "s3cret")
    #expect(throws: Sealer.SealingError.self) {
      try sealer.open(sealed, context: "meta-app/b/secret")
    }
    let other = try Sealer(key: random.bytes(32))
    #expect(throws: Sealer.SealingError.self) {
      try other.open(sealed, context: "meta-app/a/secret")
    }
  }

  @Test func `a newer key seals, older ones and the deployment's open what they sealed`() throws {
    let deployment = random.bytes(32)
    let (old, new) = (random.bytes(32), random.bytes(32))
    func sealer(_ keys: [UInt8]...) throws -> Sealer {
      try Sealer(key: deployment, ring: keys.isEmpty ? nil : KeyRing(.init(sealing: keys)))
    }
    func sealed(_ sealer: Sealer) throws -> [UInt8] {
      try sealer.seal("s", context: "c", nonce: random.bytes(12))
    }
    let first = try sealed(sealer())
    let second = try sealed(sealer(old))
    let third = try sealed(sealer(new, old))
    for value in [first, second, third] {
      #expect(try sealer(new, old).open(value, context: "c") == "s")
    }
    #expect(try sealer(new, old).isCurrent(third, context: "c"))
    #expect(try !sealer(new, old).isCurrent(second, context: "c"))
    #expect(try !sealer(old).isCurrent(first, context: "c"))
    #expect(throws: Sealer.SealingError.self) { try sealer(new).open(second, context: "c") }
  }

  @Test func `every flipped byte of a sealed secret is noticed`() throws {
    let sealer = try Sealer(key: random.bytes(32))
    let sealed = try sealer.seal("s3cret", context: "c", nonce: random.bytes(12))
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      #expect(throws: Sealer.SealingError.self) { try sealer.open(changed, context: "c") }
    }
  }

  @Test func `SHA-256, HMAC and base 32 agree with their standards' examples`() {
    #expect(
      Digests.sha256("abc").hex
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      Digests.hmac(key: Array("Jefe".utf8), "what do ya want for nothing?").hex
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(Array("foobar".utf8).base32(characters: 10) == "mzxw6ytboi")
  }

  @Test func `a deployment proof is good for its key and its minute`() {
    let key = random.bytes(32)
    let proof = DeploymentProof.make(key: key, seconds: 1_000, nonce: "0123456789")
    #expect(DeploymentProof.isValid(proof, key: key, now: Timestamp(seconds: 1_030)))
    #expect(!DeploymentProof.isValid(proof, key: key, now: Timestamp(seconds: 1_061)))
    #expect(!DeploymentProof.isValid(proof, key: random.bytes(32), now: Timestamp(seconds: 1_000)))
    #expect(!DeploymentProof.isValid(proof + "0", key: key, now: Timestamp(seconds: 1_000)))
    #expect(!DeploymentProof.isValid("", key: key, now: Timestamp(seconds: 1_000)))
    for seconds in [Int64.min, Int64.max, -1] {
      let far = DeploymentProof.make(key: key, seconds: seconds, nonce: "0123456789")
      #expect(!DeploymentProof.isValid(far, key: key, now: Timestamp(seconds: 1_000)))
    }
    let other = DeploymentProof.Purpose.removeFactor(of: "opr_1")
    #expect(
      !DeploymentProof.isValid(proof, for: other, key: key, now: Timestamp(seconds: 1_000)))
  }

  @Test func `a cell's credential is its own`() {
    let secrets = DeploymentSecrets(deploymentKey: random.bytes(32))
    let a = CellID(trusted: "a")
    #expect(secrets.isCredential(secrets.credential(of: a), of: a))
    #expect(!secrets.isCredential(secrets.credential(of: a), of: CellID(trusted: "b")))
  }
}
