import Platform
import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Reads a segment's bytes through a window, so that groups cost few calls.
struct SegmentReader {
  private static let windowBytes = 1024 * 1024

  let file: any File
  /// Nothing at or behind this offset is read; may rise while the segment is written.
  var limit: UInt64
  private var window: [UInt8] = []
  private var windowStart: UInt64 = 0

  init(_ file: any File, limit: UInt64) {
    self.file = file
    self.limit = limit
  }

  /// `count` bytes at `offset`, fewer where the limit or the file ends.
  mutating func bytes(at offset: UInt64, _ count: Int) throws(JournalError) -> ArraySlice<UInt8> {
    guard offset < limit else { return [] }
    let count = Int(min(UInt64(count), limit - offset))
    if offset < windowStart || offset + UInt64(count) > windowStart + UInt64(window.count) {
      do throws(FileError) {
        let wanted = Int(min(UInt64(max(count, Self.windowBytes)), limit - offset))
        window = try file.bytes(at: offset, count: wanted)
      } catch { throw JournalError.file(error) }
      windowStart = offset
    }
    let start = Int(offset - windowStart)
    return window[start..<min(start + count, window.count)]
  }

  /// The whole, valid group at `offset`; nil where there is none.
  mutating func group(
    at offset: UInt64
  ) throws(JournalError) -> (header: GroupHeader, bytes: ArraySlice<UInt8>)? {
    let head = try bytes(at: offset, GroupFormat.headerLength)
    guard head.count == GroupFormat.headerLength, let header = GroupFormat.decodeHeader(head)
    else { return nil }
    let whole = try bytes(at: offset, header.totalBytes)
    guard whole.count == header.totalBytes, GroupFormat.hasRightCRC(whole) else { return nil }
    return (header, whole)
  }

  /// The offset of the last byte that is not zero at or behind `offset`; nil where all are.
  mutating func lastNonzero(from offset: UInt64) throws(JournalError) -> UInt64? {
    var result: UInt64?
    var place = offset
    while place < limit {
      let part = try bytes(at: place, Self.windowBytes)
      guard !part.isEmpty else { break }
      if let index = part.lastNonzeroIndex { result = place + UInt64(index - part.startIndex) }
      place += UInt64(part.count)
    }
    return result
  }

  /// Whether nothing but zeros is at or behind `offset`.
  mutating func isZero(from offset: UInt64) throws(JournalError) -> Bool {
    var place = offset
    while place < limit {
      let part = try bytes(at: place, Self.windowBytes)
      guard part.lastNonzeroIndex == nil else { return false }
      guard !part.isEmpty else { return true }
      place += UInt64(part.count)
    }
    return true
  }

  /// The next valid group behind the invalid one at `offset` whose number is over `number`.
  ///
  /// An invalid group whose own header is right says where it ends: inside of it are tenants'
  /// bytes, which may look like a group, and are not searched.
  mutating func nextGroup(
    behind offset: UInt64, over number: UInt64
  ) throws(JournalError) -> UInt64? {
    var place = offset
    while let header = GroupFormat.decodeHeader(try bytes(at: place, GroupFormat.headerLength)) {
      place += UInt64(header.totalBytes)
      if let group = try group(at: place), group.header.number > number { return place }
    }
    return try nextGroup(from: place == offset ? offset + 1 : place, over: number)
  }

  /// The first bytes at or behind `offset` that are a valid group with a number over `number`.
  ///
  /// Whether they were written as one is the caller's to judge.
  mutating func nextGroup(
    from offset: UInt64, over number: UInt64
  ) throws(JournalError) -> UInt64? {
    var place = offset
    while place + UInt64(GroupFormat.headerLength) <= limit {
      let part = try bytes(at: place, Self.windowBytes)
      guard let index = part.firstIndex(ofMagic: GroupFormat.magic) else {
        // A magic may begin in the last three bytes of this part.
        guard part.count > 3 else { return nil }
        place += UInt64(part.count - 3)
        continue
      }
      let candidate = place + UInt64(index - part.startIndex)
      if let group = try group(at: candidate), group.header.number > number { return candidate }
      place = candidate + 1
    }
    return nil
  }
}

extension ArraySlice<UInt8> {
  fileprivate var lastNonzeroIndex: Int? {
    withUnsafeBytes { bytes in
      var index = bytes.count
      while index > 0 {
        // Whole words first: a preallocated tail is long.
        if index >= 8, bytes.loadUnaligned(fromByteOffset: index - 8, as: UInt64.self) == 0 {
          index -= 8
        } else if bytes[index - 1] == 0 {
          index -= 1
        } else {
          return startIndex + index - 1
        }
      }
      return nil
    }
  }

  /// Where these four bytes, little endian, first stand.
  ///
  /// Each sealed payload is looked through: `memchr` takes many bytes at a time.
  func firstIndex(ofMagic magic: UInt32) -> Int? {
    withUnsafeBytes { bytes in
      guard bytes.count >= 4, let start = bytes.baseAddress else { return nil }
      let places = bytes.count - 3
      var index = 0
      while index < places,
        let found = memchr(start + index, Int32(magic & 0xFF), places - index)
      {
        index = UnsafeRawPointer(found) - start
        let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)
        if UInt32(littleEndian: word) == magic { return startIndex + index }
        index += 1
      }
      return nil
    }
  }
}
