/// Makes damaged inputs out of valid ones; the same seed gives the same inputs.
///
/// It knows what parsers stumble over: flipped bits, cut and repeated runs, pieces of another
/// input, and values that a length or count field must not have.
struct Mutator {
  private let corpus: [[UInt8]]
  /// Runs of bytes that mean something in the format.
  private let words: [[UInt8]]
  private var random: FuzzRandom
  let seed: UInt64

  init(_ corpus: [[UInt8]], words: [[UInt8]] = [], seed: UInt64) {
    self.corpus = corpus
    self.words = words
    self.seed = seed
    random = FuzzRandom(seed: seed)
  }

  /// One input: mostly with one to three edits, now and then a valid one.
  mutating func next() -> [UInt8] {
    var bytes = corpus[random.below(corpus.count)]
    guard random.below(32) > 0 else { return bytes }
    for _ in 0...random.below(3) { edit(&bytes) }
    return bytes
  }

  mutating func chance(_ one: Int) -> Bool { random.below(one) == 0 }

  private mutating func edit(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else {
      bytes = [UInt8(truncatingIfNeeded: random.next())]
      return
    }
    let at = random.below(bytes.count)
    let run = min(1 + random.below(16), bytes.count - at)
    switch random.below(10) {
    case 0, 1: bytes[at] ^= 1 << UInt8(random.below(8))
    case 2: bytes[at] = UInt8(truncatingIfNeeded: random.next())
    case 3: bytes.removeSubrange(at...)
    case 4: bytes.removeSubrange(at..<(at + run))
    case 5: bytes.insert(contentsOf: bytes[at..<(at + run)], at: at)
    case 6: splice(&bytes, at)
    case 7: overwrite(&bytes, at, length())
    case 8: word(&bytes, at)
    default:
      let other = random.below(bytes.count)
      bytes.swapAt(at, other)
    }
  }

  /// The rest becomes another input's.
  private mutating func splice(_ bytes: inout [UInt8], _ at: Int) {
    let other = corpus[random.below(corpus.count)]
    guard !other.isEmpty else { return }
    bytes.replaceSubrange(at..., with: other[random.below(other.count)...])
  }

  private mutating func word(_ bytes: inout [UInt8], _ at: Int) {
    guard !words.isEmpty else { return bytes[at] = 0 }
    bytes.insert(contentsOf: words[random.below(words.count)], at: at)
  }

  private func overwrite(_ bytes: inout [UInt8], _ at: Int, _ value: [UInt8]) {
    for (offset, byte) in value.enumerated() where at + offset < bytes.count {
      bytes[at + offset] = byte
    }
  }

  /// A number at a border, as a fixed or a variable-length field would hold it.
  private mutating func length() -> [UInt8] {
    let borders: [UInt64] = [
      0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
      0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF,
    ]
    let value = borders[random.below(borders.count)] &+ UInt64(random.below(3)) &- 1
    if random.below(2) == 0 {
      let width = [1, 2, 4, 8][random.below(4)]
      return (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}

/// SplitMix64.
struct FuzzRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}
