import Wire

/// How far one tenant's files have come: proof of which of its records were durable, and of which
/// the files need nothing any more.
public struct AppliedFiles: Hashable, Sendable {
  /// What some file has.
  public let highest: TenantSeq
  /// Up to here every file has all that was its part.
  public let whole: TenantSeq

  /// `seqs` are those of the files that there are; unless `isComplete`, of those that were read.
  ///
  /// A record is committed file by file, and the next one runs when all of its files have it: while
  /// the machine runs on (`isUnbroken`) the last one alone may stand in some files only. With the
  /// power what no fsync had reached goes from any file, and which files a record that cannot be
  /// read had touched is told by nothing: what the others have proves nothing of the one that is
  /// furthest behind, which one that cannot be read may be.
  public init(_ seqs: [TenantSeq], isUnbroken: Bool, isComplete: Bool = true) {
    let least = isComplete ? seqs.min() ?? .zero : .zero
    highest = seqs.max() ?? .zero
    let before = TenantSeq(highest.rawValue - min(1, highest.rawValue))
    whole = isUnbroken ? max(least, before) : least
  }
}
