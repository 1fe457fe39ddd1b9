import Cryptography
import Wire

/// Time-based one-time codes of authenticator programs (RFC 6238): SHA-1, six digits, 30 seconds.
public enum OneTimeCode {
  public static let secretBytes = 20
  public static let digits = 6
  public static let stepSeconds: Int64 = 30
  /// Steps that a person's clock may be off: five minutes either way.
  public static let toleratedSteps: Int64 = 10

  /// The code of one step.
  public static func code(_ secret: [UInt8], step: Int64, digits: Int = digits) -> String {
    let counter = (0..<8).reversed().map { UInt8(truncatingIfNeeded: step >> Int64($0 * 8)) }
    let hash = KeyedHash.sha1(key: secret, counter)
    let offset = Int(hash[19] & 15)
    let number = hash[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
    let modulus = (0..<digits).reduce(UInt32(1)) { product, _ in product * 10 }
    let text = String(number % modulus)
    return String(repeating: "0", count: digits - text.utf8.count) + text
  }

  public static func step(at time: Timestamp) -> Int64 {
    time.milliseconds / 1_000 / stepSeconds
  }

  /// The step whose code this is, the nearest to now first; nil for none.
  ///
  /// A step at or before `lastStep` was used: its code works once.
  ///
  /// - Parameter tolerance: Steps that the person's clock may be off.
  public static func match(
    _ code: String, secret: [UInt8], at now: Timestamp, lastStep: Int64?,
    tolerance: Int64 = toleratedSteps
  ) -> Int64? {
    guard code.utf8.count == digits else { return nil }
    let present = step(at: now)
    let steps = (-tolerance...tolerance).sorted { abs($0) < abs($1) }
    var found: Int64?
    // All are looked at, so that the time tells nothing about which it was.
    for offset in steps {
      let step = present + offset
      let isRight = ConstantTime.equal(
        Array(Self.code(secret, step: step).utf8), Array(code.utf8))
      if isRight, found == nil, step > lastStep ?? .min { found = step }
    }
    return found
  }

  /// What an authenticator program reads as a QR code.
  public static func uri(secret: [UInt8], account: String, issuer: String) -> String {
    "otpauth://totp/\(escape(issuer)):\(escape(account))?secret=\(secret.base32Text)"
      + "&issuer=\(escape(issuer))&algorithm=SHA1&digits=\(digits)&period=\(stepSeconds)"
  }

  private static func escape(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 48...57, 65...90, 97...122, 45, 46, 95, 126:
        String(decoding: [byte], as: UTF8.self)
      default:
        "%" + [byte].hexText.uppercased()
      }
    }.joined()
  }
}

/// Codes for a day without the authenticator: each works once.
public enum RecoveryCode {
  public static let count = 10
  private static let alphabet = Array("23456789abcdefghjkmnpqrstuvwxyz".utf8)

  /// Ten letters in two groups (49 bits).
  public static func make(random: (Int) -> [UInt8]) -> String {
    var letters: [UInt8] = []
    while letters.count < 10 {
      for byte in random(16) where byte < 248 && letters.count < 10 {
        letters.append(alphabet[Int(byte) % alphabet.count])
      }
    }
    let text = String(decoding: letters, as: UTF8.self)
    return "\(text.prefix(5))-\(text.suffix(5))"
  }

  /// What is stored and compared: case, blanks and the hyphen do not matter.
  public static func hash(_ code: String) -> [UInt8] {
    let plain = code.lowercased().utf8.filter { alphabet.contains($0) }
    return SHA256Digest.of(Array("aimstors-recovery-code/1\n".utf8) + plain)
  }
}
