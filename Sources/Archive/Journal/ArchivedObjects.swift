import Storage
import Wire

/// A cell's archived journal, object by object in order, the next ones being fetched.
///
/// Objects are merged while they are read (``JournalMerger``): where one has gone, the listing is
/// made again, and reading goes on inside the longer one. Where a longer one cannot be read and
/// what it was made of is still there, that is read.
struct ArchivedObjects: Sendable {
  /// Objects that are fetched at once: a store answers each after tens of milliseconds.
  static let atOnce = 8
  /// Stored bytes of these; a larger object is fetched by itself.
  static let bytesAtOnce: UInt64 = 32 * 1_024 * 1_024
  /// How often one reading makes its listing again.
  static let listings = 32

  let archive: Archive
  let cell: CellID

  /// What was given last: what follows must chain to it.
  private struct End {
    var seq: CellSeq
    var group: (number: UInt64, hash: SHA256Hash)?
  }
  /// An object that cannot be read.
  private struct Unreadable: Error {
    let span: JournalSpan
    let reason: ArchiveError
  }

  /// Gives `body` the groups behind position `after`, each once, until it answers false or the
  /// archive ends.
  ///
  /// Of the first object all groups are given, also those at or before `after`. Throws
  /// ``ArchiveError/damaged(name:detail:)`` where an object does not follow the one before.
  /// `missing` is told of positions that no object has, before what follows them; also of those at
  /// the end that a later generation's claim goes on behind.
  func read(
    after: CellSeq, missing: (ClosedRange<CellSeq>) -> Void = { _ in },
    _ body: (JournalSpan, [DurableGroup]) async throws -> Bool
  ) async throws {
    var end = End(seq: after)
    var unreadable: [JournalSpan: ArchiveError] = [:]
    for _ in 0..<Self.listings {
      let reading = try await archive.journal(cell, without: Set(unreadable.keys))
      let spans = reading.spans.filter { $0.last > end.seq }
      for (span, reason) in unreadable where !Self.cover(span, from: end.seq, spans) {
        throw reason
      }
      do {
        let isWanted = try await read(spans, reading.bytes, &end, missing, body)
        if isWanted, let lost = reading.lostTail, lost.upperBound > end.seq {
          missing(max(lost.lowerBound, end.seq.next)...lost.upperBound)
        }
        return
      } catch let error as Unreadable {
        guard unreadable[error.span] == nil, error.reason.isOfOneObject else { throw error.reason }
        unreadable[error.span] = error.reason
      }
    }
    throw ArchiveError.unreachable("the journal of \(cell) changes faster than it is read")
  }

  /// Whether `spans` hold everything of `span` that lies past `end`.
  private static func cover(
    _ span: JournalSpan, from end: CellSeq, _ spans: [JournalSpan]
  ) -> Bool {
    var next = max(span.first, end.next)
    for other in spans where next <= span.last && other.last >= next {
      guard other.first <= next else { return false }
      next = other.last.next
    }
    return next > span.last
  }

  /// Gives `body` the groups of the given objects, which must be there.
  func read(
    exactly spans: [JournalSpan], _ bytes: [JournalSpan: UInt64],
    _ body: (JournalSpan, [DurableGroup]) async throws -> Bool
  ) async throws {
    guard let first = spans.first else { return }
    var end = End(seq: CellSeq(first.first.rawValue - 1))
    do { _ = try await read(spans, bytes, &end, { _ in }, body) } catch let error as Unreadable {
      throw error.reason
    }
  }

  /// The object that the archived journal ends with; nil where there is none.
  ///
  /// `from`: a position that it is known to reach, or where what ends before does not matter: a
  /// listing of months is not waited for.
  func last(
    from: CellSeq? = nil
  ) async throws(ArchiveError) -> (span: JournalSpan, groups: [DurableGroup])? {
    var unreadable: [JournalSpan: ArchiveError] = [:]
    for _ in 0..<Self.listings {
      let last = try await archive.journal(
        cell, from: from, without: Set(unreadable.keys)
      ).spans.last
      // The journal does not end earlier because its end cannot be read.
      for (span, reason) in unreadable where last.map({ $0.last < span.last }) ?? true {
        throw reason
      }
      guard let last else { return nil }
      do throws(ArchiveError) { return (last, try await archive.groups(cell, last)) } catch {
        guard unreadable[last] == nil, error.isOfOneObject else { throw error }
        unreadable[last] = error
      }
    }
    throw .unreachable("the journal of \(cell) changes faster than it is read")
  }

  /// Where the archived journal ends, and which generation wrote that; see ``last(from:)``.
  func end(
    from: CellSeq? = nil
  ) async throws(ArchiveError) -> (generation: Generation, end: JournalEnd)? {
    guard let last = try await last(from: from), let group = last.groups.last else { return nil }
    return (
      last.span.generation,
      JournalEnd(group: group.throughNumber, seq: last.span.last, hash: group.hash)
    )
  }

  /// Answers whether `body` wanted more.
  private func read(
    _ spans: [JournalSpan], _ bytes: [JournalSpan: UInt64], _ end: inout End,
    _ missing: (ClosedRange<CellSeq>) -> Void,
    _ body: (JournalSpan, [DurableGroup]) async throws -> Bool
  ) async throws -> Bool {
    var asked: [(span: JournalSpan, answer: Task<[DurableGroup], any Error>)] = []
    defer { for (_, answer) in asked { answer.cancel() } }
    var size: UInt64 = 0
    var next = spans.startIndex
    while true {
      while next < spans.endIndex, asked.count < Self.atOnce {
        let more = bytes[spans[next]] ?? 0
        guard asked.isEmpty || size + more <= Self.bytesAtOnce else { break }
        asked.append((spans[next], fetch(spans[next])))
        size += more
        next += 1
      }
      guard let (span, answer) = asked.first else { return true }
      let found = try await answer.value
      asked.removeFirst()
      size -= bytes[span] ?? 0
      if span.first > end.seq.next { missing(end.seq.next...CellSeq(span.first.rawValue - 1)) }
      let groups = try follow(found, span, &end)
      if !groups.isEmpty, try await !body(span, groups) { return false }
    }
  }

  /// The groups that were not given before; they must chain to what was.
  private func follow(
    _ found: [DurableGroup], _ span: JournalSpan, _ end: inout End
  ) throws(ArchiveError) -> [DurableGroup] {
    let given = end.group
    let groups =
      given.map { given in Array(found.drop { $0.throughNumber <= given.number }) }
      ?? found
    // Numbers that are missing without a position are seals that no object got.
    if let given, let first = groups.first, first.number == given.number + 1,
      first.previousHash != given.hash
    {
      throw .damaged(
        name: ArchiveNames.journal(cell, span), detail: "it does not follow the object before")
    }
    if let last = found.last {
      end = End(seq: span.last, group: (last.throughNumber, last.hash))
    }
    return groups
  }

  private func fetch(_ span: JournalSpan) -> Task<[DurableGroup], any Error> {
    Task {
      do throws(ArchiveError) {
        return try await archive.groups(cell, span)
      } catch {
        throw Unreadable(span: span, reason: error)
      }
    }
  }
}
