import COpenSSL

/// Passwords as bcrypt keeps them, by the system's libcrypt.
///
/// Takes a quarter of a second at cost 12, on purpose: never run it on Swift's cooperative pool.
public enum PasswordHash {
  /// bcrypt reads no further; a longer password is refused rather than cut silently.
  public static let maximumBytes = 72
  public static let saltBytes = 16
  public static let costs = 4...16

  /// Nil for a password that bcrypt cannot take whole, and for a cost out of ``costs``.
  public static func make(_ password: String, cost: Int, salt: [UInt8]) -> String? {
    precondition(salt.count == saltBytes, "bcrypt takes 16 bytes of salt")
    guard isAcceptable(password), costs.contains(cost) else { return nil }
    var output = [CChar](repeating: 0, count: 128)
    guard aim_bcrypt_make(password, UInt(cost), salt, salt.count, &output, output.count) == 1
    else { return nil }
    return text(output)
  }

  /// Whether `password` gave this hash.
  public static func verify(_ password: String, _ hash: String) -> Bool {
    guard isAcceptable(password), cost(of: hash) != nil else { return false }
    var output = [CChar](repeating: 0, count: 128)
    guard aim_bcrypt_run(password, hash, &output, output.count) == 1 else { return false }
    return ConstantTime.equal(Array(text(output).utf8), Array(hash.utf8))
  }

  /// The cost that stands in a hash; nil for what is no bcrypt.
  public static func cost(of hash: String) -> Int? {
    let parts = hash.split(separator: "$", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0].isEmpty, ["2a", "2b", "2y"].contains(parts[1]),
      parts[2].utf8.count == 2, let cost = Int(parts[2]), parts[3].utf8.count == 53
    else { return nil }
    return cost
  }

  private static func isAcceptable(_ password: String) -> Bool {
    password.utf8.count <= maximumBytes && !password.utf8.contains(0)
  }

  private static func text(_ output: [CChar]) -> String {
    String(decoding: output.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
