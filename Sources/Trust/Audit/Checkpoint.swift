import Cryptography

/// What a log says of itself at one moment: how many entries, and their root; as a text with
/// signatures (C2SP tlog-checkpoint, signed note).
///
/// ```
/// aimstors/audit/t4k9m2c7x0q1w
/// 1042
/// cRqH6mTGbTzyTNZHEuu6nYPVZrFbTgx3O0Dx/LJ3I7U=
///
/// — aimstors/audit/t4k9m2c7x0q1w 7uWCgQ…=
/// — aimstors/witness pXgBvQ…=
/// ```
public struct Checkpoint: Hashable, Sendable {
  public struct Signature: Hashable, Sendable {
    public let name: String
    /// Which key made it: the first bytes of the hash of name and key.
    public let keyID: [UInt8]
    public let bytes: [UInt8]
  }

  /// Which log.
  public let origin: String
  public let size: Int64
  public let root: [UInt8]
  public private(set) var signatures: [Signature]

  public static let maximumBytes = 4_096

  public init(origin: String, size: Int64, root: [UInt8]) {
    self.origin = origin
    self.size = size
    self.root = root
    signatures = []
  }

  /// The name of a tenant's log.
  public static func origin(ofTenant tenant: String) -> String { "aimstors/audit/\(tenant)" }
  public static let platformOrigin = "aimstors/audit/platform"
  public static let witnessName = "aimstors/witness"

  /// What is signed.
  public var body: String { "\(origin)\n\(size)\n\(root.base64Text)\n" }

  public var text: String {
    body + "\n"
      + signatures.map { "— \($0.name) \(($0.keyID + $0.bytes).base64Text)\n" }.joined()
  }

  /// Reads a checkpoint; nil for anything else.
  ///
  /// Nothing is believed yet.
  public init?(_ text: String) {
    guard text.utf8.count <= Self.maximumBytes else { return nil }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 5, lines[3].isEmpty, lines.last?.isEmpty == true, !lines[0].isEmpty,
      let size = Int64(lines[1]), size >= 0, String(size) == lines[1],
      let root = [UInt8](base64Text: String(lines[2])), root.count == 32
    else { return nil }
    self.init(origin: String(lines[0]), size: size, root: root)
    for line in lines[4...].dropLast() {
      let parts = line.split(separator: " ")
      guard parts.count == 3, parts[0] == "—",
        let bytes = [UInt8](base64Text: String(parts[2])), bytes.count == 4 + 64
      else { return nil }
      signatures.append(
        Signature(
          name: String(parts[1]), keyID: Array(bytes[..<4]), bytes: Array(bytes[4...])))
    }
  }

  /// With one more signature.
  public func signed(_ name: String, by key: SigningKey) -> Checkpoint {
    var result = self
    result.signatures.append(
      Signature(
        name: name, keyID: Self.keyID(name, key.verifying), bytes: key.sign(Array(body.utf8))))
    return result
  }

  /// Whether `name` has signed it with this key.
  public func isSigned(_ name: String, by key: VerifyingKey) -> Bool {
    signatures.contains { signature in
      signature.name == name && signature.keyID == Self.keyID(name, key)
        && key.isValid(signature.bytes, of: Array(body.utf8))
    }
  }

  /// C2SP signed note: SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key), the first four bytes.
  private static func keyID(_ name: String, _ key: VerifyingKey) -> [UInt8] {
    Array(SHA256Digest.of(Array(name.utf8) + [0x0A, 0x01] + key.bytes).prefix(4))
  }
}
