import Storage

/// One idempotency key for an effect of several commands.
///
/// The first command takes the key in its own transaction: of two payloads that come under it at
/// once only one stores anything, whatever either would do later. The last keeps the answer. A
/// repeat goes on where it was cut off: each command leaves alone what it finds done. An effect
/// that is one command runs under ``whole`` alone. Whichever is first looks at both keys, its own
/// and the other one.
///
/// Under the client's own key there is nothing but the answer: a version that knows nothing of
/// steps, to which a cell may be rolled back, gives what it finds there to whoever repeats. So a
/// client that uses the key for another route while its effect is cut off half-way has it for that
/// one: the effect is then completed under another key, the same payload given. No version that was
/// released kept ``begun`` there.
struct SteppedClaim: Sendable {
  /// The client's, under which the last command runs.
  let whole: IdempotencyClaim

  /// Under which the first of several commands runs; it keeps ``begun``.
  ///
  /// No client's key has a NUL.
  var opening: IdempotencyClaim {
    IdempotencyClaim(
      principal: whole.principal, key: "\(whole.key)\u{0}", payloadHash: whole.payloadHash,
      file: whole.file, retentionSeconds: whole.retentionSeconds)
  }

  /// What the first command keeps; nobody is answered it.
  static let begun = StoredAnswer(
    status: 202, contentType: "application/json", body: Array("{}".utf8))

  /// The answer of an effect that is done; nil where it is to run, or to go on.
  ///
  /// Throws `idempotencyConflict` where another payload has the key, also one that has only begun.
  func answer(in snapshot: Snapshot) throws -> StoredAnswer? {
    if let answer = try snapshot.answer(under: whole) { return answer }
    _ = try snapshot.answer(under: opening)
    return nil
  }
}
