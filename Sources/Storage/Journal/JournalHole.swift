import Wire

/// What a scan cannot read and has found no end of yet: a piece of each segment it reaches into.
struct JournalHole {
  struct Piece {
    var segment: String
    var bytes: Range<UInt64>
    var reason: String
  }

  private(set) var pieces: [Piece] = []

  var isEmpty: Bool { pieces.isEmpty }
  var byteCount: UInt64 { pieces.reduce(0) { $0 + UInt64($1.bytes.count) } }

  /// Makes the hole longer: by bytes behind those it has.
  mutating func add(_ segment: String, _ bytes: Range<UInt64>, _ reason: String) {
    if let last = pieces.indices.last, pieces[last].segment == segment {
      let begin = pieces[last].bytes.lowerBound
      pieces[last].bytes = begin..<max(bytes.upperBound, pieces[last].bytes.upperBound)
    } else {
      pieces.append(Piece(segment: segment, bytes: bytes, reason: reason))
    }
  }

  /// The hole as damage: the first piece stands for all that is missing.
  func ranges(
    from first: CellSeq, through last: CellSeq, _ tenants: DamagedRange.Tenants
  ) -> [DamagedRange] {
    let begun = pieces.prefix(1).map { piece in
      DamagedRange(
        segment: piece.segment, startOffset: piece.bytes.lowerBound,
        endOffset: piece.bytes.upperBound, firstSeq: first, lastSeq: last, tenants: tenants,
        reason: piece.reason)
    }
    return begun + rest(before: last.next)
  }

  /// The pieces behind the first one: bytes to step over and to repair, and nothing more that is
  /// missing.
  func rest(before next: CellSeq) -> [DamagedRange] {
    pieces.dropFirst().map { piece in
      DamagedRange(
        segment: piece.segment, startOffset: piece.bytes.lowerBound,
        endOffset: piece.bytes.upperBound, firstSeq: next,
        lastSeq: CellSeq(next.rawValue - 1), tenants: .known([:]), reason: piece.reason)
    }
  }
}
