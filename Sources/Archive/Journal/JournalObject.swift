import Storage
import Wire

/// The content of one object of a cell's journal: groups in order, each with its length before it.
public enum JournalObject {
  /// Content of one object is at most 32 MiB, and a record has more than this part of it.
  static let positions: UInt64 = 1_048_576

  public static func encode(_ groups: [DurableGroup]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(groups.reduce(0) { $0 + $1.bytes.count + 4 })
    for group in groups {
      withUnsafeBytes(of: UInt32(group.bytes.count).littleEndian) { bytes += $0 }
      bytes += group.bytes
    }
    return bytes
  }

  /// The groups, each with its checks made, and each following the one before.
  public static func decode(
    _ bytes: [UInt8], as name: String
  ) throws(ArchiveError) -> [DurableGroup] {
    var groups: [DurableGroup] = []
    var offset = 0
    while offset < bytes.count {
      guard bytes.count - offset >= 4 else { throw .damaged(name: name, detail: "a cut length") }
      let length = bytes.withUnsafeBytes {
        Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      }
      guard length <= bytes.count - offset - 4 else {
        throw .damaged(name: name, detail: "a cut group")
      }
      do {
        let group = try DurableGroup(
          decoding: Array(bytes[(offset + 4)..<(offset + 4 + length)]))
        if let last = groups.last, last.hash != group.previousHash {
          throw JournalError.malformed("group \(group.number) does not follow \(last.number)")
        }
        groups.append(group)
      } catch {
        throw .damaged(name: name, detail: "\(error)")
      }
      offset += 4 + length
    }
    return groups
  }
}

/// Which groups the next object takes: whole ones, ending with one that has records.
struct TailBatch: Sendable {
  /// An object is closed at this many bytes of groups.
  static let bytes = 8 * 1_024 * 1_024

  private(set) var groups: [DurableGroup] = []
  private(set) var size = 0

  mutating func add(_ group: DurableGroup) {
    groups.append(group)
    size += group.bytes.count
  }

  var isFull: Bool { size >= Self.bytes }

  /// Takes out what makes an object; a seal without records behind it waits for the next one, so
  /// that no object is without a position.
  mutating func take(_ generation: Generation) -> (span: JournalSpan, groups: [DurableGroup])? {
    guard let last = groups.lastIndex(where: { $0.lastSeq >= $0.firstSeq }),
      let first = groups.first(where: { $0.lastSeq >= $0.firstSeq })
    else { return nil }
    let taken = Array(groups[...last])
    groups.removeSubrange(...last)
    size = groups.reduce(0) { $0 + $1.bytes.count }
    return (
      JournalSpan(generation: generation, first: first.firstSeq, last: taken[last].lastSeq), taken
    )
  }
}
