/// A hash table from short byte strings to twelve bytes, in three flat arrays.
///
/// Per entry: 16 bytes of record, the key with one byte of length, and 5 to 11 bytes of slots;
/// arrays grow by an eighth, so that little is held in reserve. Entries are never removed.
struct CompactTable: Sendable {
  /// Longest key, in bytes.
  static let keyLimit = 255

  private struct Record: Sendable {
    var key: UInt32
    var small: UInt32
    var large: UInt64
  }

  /// Whether every key comes with a byte before its text: the same text may stand there twice.
  private let isPrefixed: Bool
  private var keys: [UInt8] = []
  private var records: [Record] = []
  /// Index of the record + 1; 0 is free.
  ///
  /// A power of two; at most 4/5 are taken.
  private var slots = [UInt32](repeating: 0, count: 16)

  init(isPrefixed: Bool = false) { self.isPrefixed = isPrefixed }

  var count: Int { records.count }

  /// Bytes held, reserve included.
  var memoryBytes: Int {
    keys.capacity + records.capacity * MemoryLayout<Record>.stride
      + slots.capacity * MemoryLayout<UInt32>.stride
  }

  func find(_ key: String, prefix: UInt8? = nil) -> Int? {
    var key = key
    return key.withUTF8 { text -> Int? in
      guard text.count + (prefix == nil ? 0 : 1) <= Self.keyLimit else { return nil }
      let slot = slot(of: text, prefix)
      return slots[slot] == 0 ? nil : Int(slots[slot]) - 1
    }
  }

  func values(_ index: Int) -> (small: UInt32, large: UInt64) {
    (records[index].small, records[index].large)
  }

  mutating func set(_ index: Int, small: UInt32, large: UInt64) {
    records[index].small = small
    records[index].large = large
  }

  func key(_ index: Int) -> ArraySlice<UInt8> {
    let start = Int(records[index].key)
    return keys[start + 1..<start + 1 + Int(keys[start])]
  }

  /// Adds a key that is not there yet; answers its index, nil for a key over the limit.
  mutating func add(_ key: String, prefix: UInt8? = nil, small: UInt32, large: UInt64) -> Int? {
    let length = key.utf8.count + (prefix == nil ? 0 : 1)
    guard length > 0, length <= Self.keyLimit, keys.count < Int(UInt32.max) - 256 else {
      return nil
    }
    if (records.count + 1) * 5 > slots.count * 4 { grow() }
    Self.makeRoom(&keys, for: length + 1)
    Self.makeRoom(&records, for: 1)
    let index = records.count
    var key = key
    let free = key.withUTF8 { slot(of: $0, prefix) }
    records.append(Record(key: UInt32(keys.count), small: small, large: large))
    keys.append(UInt8(length))
    if let prefix { keys.append(prefix) }
    keys.append(contentsOf: key.utf8)
    slots[free] = UInt32(index + 1)
    return index
  }

  /// The slot that holds the key, or the free one where it belongs.
  private func slot(of text: UnsafeBufferPointer<UInt8>, _ prefix: UInt8?) -> Int {
    var slot = Self.hash(UnsafeRawBufferPointer(text), prefix) & (slots.count - 1)
    while slots[slot] != 0 {
      let known = key(Int(slots[slot]) - 1)
      if let prefix {
        if known.first == prefix, known.dropFirst().elementsEqual(text) { return slot }
      } else if known.elementsEqual(text) {
        return slot
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    for index in records.indices {
      let key = key(index)
      let prefix = isPrefixed ? key.first : nil
      let text = isPrefixed ? key.dropFirst() : key
      var slot = text.withUnsafeBytes { Self.hash($0, prefix) } & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = UInt32(index + 1)
    }
  }

  private static func hash(_ text: UnsafeRawBufferPointer, _ prefix: UInt8?) -> Int {
    var hasher = Hasher()
    if let prefix { hasher.combine(prefix) }
    hasher.combine(bytes: text)
    return hasher.finalize()
  }

  private static func makeRoom<Element>(_ array: inout [Element], for count: Int) {
    guard array.count + count > array.capacity else { return }
    array.reserveCapacity(array.count + count + max(64, array.count / 8))
  }
}
