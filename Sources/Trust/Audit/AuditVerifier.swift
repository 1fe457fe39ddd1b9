import Cryptography
import Wire

/// Checks an exported log without asking anybody: by the keys and checkpoints that one holds.
///
/// Give it the file's lines in order, then ask for ``verdict``.
public struct AuditVerifier: Sendable {
  /// What is wrong, for programs; the text is for people.
  public enum Fault: String, Error, Hashable, Sendable {
    case malformedLine = "malformed_line"
    /// Positions do not follow each other: entries were removed, repeated or reordered.
    case sequenceBroken = "sequence_broken"
    /// What a line shows is not what its entry says.
    case lineDiffers = "line_differs"
    case noCheckpoint = "no_checkpoint"
    case notSigned = "not_signed"
    case notWitnessed = "not_witnessed"
    case otherLog = "other_log"
    /// The entries' tree is not the one that was signed: edited.
    case rootDiffers = "root_differs"
    /// A checkpoint speaks of more entries than there are.
    case truncated
    /// Entries after the newest checkpoint: nobody has signed them yet, or its line was taken out.
    case unsignedTail = "unsigned_tail"
  }

  public struct Finding: Error, Hashable, Sendable {
    public let fault: Fault
    public let detail: String

    public init(fault: Fault, detail: String) {
      self.fault = fault
      self.detail = detail
    }
  }

  public struct Verdict: Hashable, Sendable {
    public let origin: String
    public let entries: Int64
    /// Entries that the newest signed checkpoint speaks for.
    public let signed: Int64
    /// Entries that the newest witnessed checkpoint speaks for.
    public let witnessed: Int64
    public let root: [UInt8]
  }

  private let key: VerifyingKey
  private let witness: VerifyingKey?
  private var tree = GrowingTree()
  /// Checkpoints to compare, by size: those held by the caller and those of the file.
  private var expected: [Int64: [Checkpoint]] = [:]
  /// The roots at those sizes, noted as the tree grows.
  private var roots: [Int64: [UInt8]] = [:]
  private var number = 0
  private let allowsTail: Bool

  /// - Parameters:
  ///   - key: The log's own key.
  ///   - witness: The control plane's key; nil: its signature is not asked for.
  ///   - held: Checkpoints that the caller has kept, or got from the witness.
  ///   - allowsTail: Whether entries may follow the newest checkpoint, which nothing speaks for.
  public init(
    key: VerifyingKey, witness: VerifyingKey?, held: [Checkpoint], allowsTail: Bool = false
  ) {
    self.key = key
    self.allowsTail = allowsTail
    self.witness = witness
    for checkpoint in held { expected[checkpoint.size, default: []].append(checkpoint) }
    roots[0] = tree.root
  }

  /// Takes one line.
  ///
  /// Throws a ``Finding`` at the first that is wrong.
  public mutating func take(_ line: [UInt8]) throws(Finding) { try take(AuditLine(line)) }

  /// Takes a line that was read.
  ///
  /// Throws a ``Finding`` at the first that is wrong.
  public mutating func take(_ line: AuditLine) throws(Finding) {
    number += 1
    switch line {
    case .blank: return
    case .wrong(let fault, let detail):
      throw Finding(fault: fault, detail: "line \(number) \(detail)")
    case .checkpoint(let checkpoint):
      guard tree.size == 0 else {
        throw Finding(
          fault: .malformedLine, detail: "line \(number): checkpoints stand before the entries")
      }
      expected[checkpoint.size, default: []].append(checkpoint)
    case .entry(let sequence, let leaf):
      guard sequence == tree.size else {
        throw Finding(
          fault: .sequenceBroken,
          detail: "line \(number) has entry \(sequence) where \(tree.size) belongs")
      }
      tree.append(leaf: leaf)
      if expected[tree.size] != nil { roots[tree.size] = tree.root }
    }
  }

  /// After the last line: whether all checkpoints speak of this log.
  public func verdict() throws(Finding) -> Verdict {
    let all = expected.sorted { $0.key < $1.key }.flatMap(\.value)
    guard !all.isEmpty else {
      throw Finding(fault: .noCheckpoint, detail: "nothing says what the log should be")
    }
    let origins = Set(all.map(\.origin))
    guard origins.count == 1, let origin = origins.first else {
      throw Finding(
        fault: .otherLog, detail: "checkpoints of \(origins.sorted().joined(separator: ", "))")
    }
    var signed: Int64 = -1
    var witnessed: Int64 = -1
    for checkpoint in all {
      let isWitnessed =
        witness.map { checkpoint.isSigned(Checkpoint.witnessName, by: $0) } ?? false
      // The witness's alone does not do: it signs every tenant's.
      guard checkpoint.isSigned(origin, by: key) else {
        throw Finding(
          fault: .notSigned, detail: "the checkpoint at \(checkpoint.size) has no signature of K")
      }
      try compare(checkpoint)
      signed = max(signed, checkpoint.size)
      if isWitnessed { witnessed = max(witnessed, checkpoint.size) }
    }
    guard witness == nil || witnessed >= 0 else {
      throw Finding(fault: .notWitnessed, detail: "no checkpoint has the witness's signature")
    }
    guard allowsTail || signed == tree.size else {
      throw Finding(
        fault: .unsignedTail,
        detail: "\(tree.size - signed) entries follow the newest checkpoint, at \(signed)")
    }
    return Verdict(
      origin: origin, entries: tree.size, signed: signed, witnessed: max(0, witnessed),
      root: tree.root)
  }

  private func compare(_ checkpoint: Checkpoint) throws(Finding) {
    guard checkpoint.size <= tree.size else {
      throw Finding(
        fault: .truncated,
        detail: "\(checkpoint.size) entries were signed, \(tree.size) are here")
    }
    guard let root = roots[checkpoint.size] else {
      throw Finding(
        fault: .noCheckpoint, detail: "no tree of \(checkpoint.size) entries was seen")
    }
    guard root == checkpoint.root else {
      throw Finding(
        fault: .rootDiffers,
        detail: "the first \(checkpoint.size) entries are not those that were signed")
    }
  }
}
