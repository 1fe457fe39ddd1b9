import Cryptography
import Storage

/// One idempotency key for an effect of several commands.
///
/// The first command takes the key in its own transaction: of two payloads that come under it at
/// once only one stores anything, whatever either would do later. The last keeps the answer, under
/// a key that is made from it. A repeat goes on where it was cut off: each command leaves alone
/// what it finds done.
struct SteppedClaim: Sendable {
  /// Under which the first command runs; it keeps ``begun``, or the answer where it is the only
  /// one.
  let first: IdempotencyClaim

  /// Under which the last command runs where there are several.
  ///
  /// No client's key has a NUL. The payload is in it: where the key is free again before this one,
  /// another payload finds nobody.
  var last: IdempotencyClaim {
    IdempotencyClaim(
      principal: first.principal,
      key: "\(first.key)\u{0}\(first.payloadHash.hexText)", payloadHash: first.payloadHash,
      file: first.file,
      retentionSeconds: first.retentionSeconds)
  }

  /// What is kept under the key by the first of several commands.
  static let begun = StoredAnswer(
    status: 202, contentType: "application/json", body: Array("{}".utf8))

  /// The answer of an effect that is done; nil where it is to run, or to go on.
  ///
  /// Throws `idempotencyConflict` where another payload has the key.
  func answer(in snapshot: Snapshot) throws -> StoredAnswer? {
    let answer = try snapshot.answer(under: first)
    return try answer == Self.begun ? snapshot.answer(under: last) : answer
  }
}
