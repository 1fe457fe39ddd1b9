import Foundation
import Storage
import Wire

/// Who writes a cell's journal from which position on: one per generation.
public struct Claim: Codable, Hashable, Sendable {
  public let cell: CellID
  public let generation: Generation
  /// The first position that this generation wrote, or would.
  public let firstSeq: CellSeq
  /// Hash of the group before it, 64 hexadecimal digits.
  public let previousHash: String
  public let claimedAt: Timestamp
  /// The position at which this generation goes on where that is later; nil: at ``firstSeq``.
  ///
  /// What lies between is in no object, though a snapshot or heads show that it was written.
  public let resumesAt: CellSeq?
  /// The last position that an earlier generation archived and this one's journal does not have;
  /// nil: it has all, or has it by another claim.
  public let abandonsThrough: CellSeq?

  enum CodingKeys: String, CodingKey {
    case cell, generation
    case firstSeq = "first_cell_seq"
    case previousHash = "previous_hash"
    case claimedAt = "claimed_at"
    case resumesAt = "resumes_at"
    case abandonsThrough = "abandons_through"
  }

  public init(
    cell: CellID, generation: Generation, firstSeq: CellSeq, previousHash: String,
    claimedAt: Timestamp, resumesAt: CellSeq? = nil, abandonsThrough: CellSeq? = nil
  ) {
    self.cell = cell
    self.generation = generation
    self.firstSeq = firstSeq
    self.previousHash = previousHash
    self.claimedAt = claimedAt
    self.resumesAt = resumesAt
    self.abandonsThrough = abandonsThrough
  }

  /// Whether this generation goes on behind a position that it has claimed, and writes nothing
  /// there.
  func passesOver(_ position: CellSeq) -> Bool { resumesAt.map { position < $0 } ?? false }
}

/// Which objects of a cell's journal count, and which are ignored.
///
/// The safety of the archive is this rule of readers, not a writer's check: the highest claim wins;
/// what a lower generation wrote at or past its first position is ignored, listed, never merged.
public enum ReaderRule {
  public struct Reading: Hashable, Sendable {
    /// In order, without overlap: each begins where the one before ended, or behind a gap.
    public var spans: [JournalSpan] = []
    /// Not read, with why.
    public var ignored: [JournalSpan] = []
    /// Positions between two spans that no object holds.
    public var gaps: [ClosedRange<CellSeq>] = []
    /// Positions before the highest claim's own that no object holds, behind the last span.
    public var lostTail: ClosedRange<CellSeq>?
    /// Spans whose content is in a longer one.
    public var covered: [JournalSpan] = []
    /// Stored bytes of each object, where a listing said so.
    public var bytes: [JournalSpan: UInt64] = [:]
  }

  /// Sorts out the spans of one cell.
  ///
  /// A generation without a claim counts nothing: its writer never said where it begins.
  public static func read(_ spans: [JournalSpan], claims: [Claim]) -> Reading {
    var reading = Reading()
    /// Per generation, the position at which a higher one took over.
    func end(of generation: Generation) -> CellSeq {
      claims.filter { $0.generation > generation }.map(\.firstSeq).min() ?? CellSeq(.max)
    }
    let begins = Dictionary(claims.map { ($0.generation, $0.firstSeq) }) { first, _ in first }
    var next: CellSeq?
    for span in spans.sorted() {
      guard let begin = begins[span.generation], span.first >= begin,
        span.last < end(of: span.generation)
      else {
        reading.ignored.append(span)
        continue
      }
      if let expected = next {
        if span.last < expected {
          reading.covered.append(span)
          continue
        }
        guard span.first >= expected else {
          // Two that overlap in part are no cut of one journal: neither can be told from the other.
          reading.ignored.append(span)
          continue
        }
        if span.first > expected {
          reading.gaps.append(expected...CellSeq(span.first.rawValue - 1))
        }
      }
      reading.spans.append(span)
      next = span.last.next
    }
    // Whoever claims goes on from what is there; with a claim's own part gone this looks the same.
    let resumed = claims.max { $0.generation < $1.generation }.map { $0.resumesAt ?? $0.firstSeq }
    let end = next ?? CellSeq(1)
    if let resumed, end < resumed { reading.lostTail = end...CellSeq(resumed.rawValue - 1) }
    return reading
  }

  /// Whether a snapshot is known to be of the history that counts by where it was taken.
  ///
  /// One at or past a later generation's first position is so only where that generation's records
  /// chain to it: a follower that took over may have had more than the archive, and goes on from
  /// there; what the old process stored besides is nobody's.
  static func counts(_ snapshot: SnapshotManifest, claims: [Claim]) -> Bool {
    takers(of: snapshot.cellSeq, after: snapshot.generation, claims).isEmpty
  }

  /// The claims of later generations that a position of an earlier one lies at or past.
  static func takers(
    of position: CellSeq, after generation: Generation, _ claims: [Claim]
  ) -> [Claim] {
    claims.filter { $0.generation > generation && $0.firstSeq <= position }
  }

  /// Whether a snapshot is what the archive has of positions whose objects are lost: whoever
  /// claimed them went on behind it.
  ///
  /// One that claimed it and wrote there has made it nobody's.
  static func fillsLostTail(_ snapshot: SnapshotManifest, claims: [Claim]) -> Bool {
    let takers = takers(of: snapshot.cellSeq, after: snapshot.generation, claims)
    return !takers.isEmpty && takers.allSatisfy { $0.passesOver(snapshot.cellSeq) }
  }
}
