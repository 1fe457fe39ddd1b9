import Edge

extension ConfigurationNode {
  /// How many addresses and ranges one list may have: each request is compared with them.
  static let mostRanges = 64

  /// Reads a list of addresses and ranges in CIDR form; nil where the key is missing.
  func ranges(_ key: String) throws(ConfigurationError) -> [NetworkRange]? {
    guard contains(key) else { return nil }
    let texts = try strings(key)
    guard texts.count <= Self.mostRanges else {
      throw error(.outOfRange, key, "may have at most \(Self.mostRanges) entries")
    }
    var ranges: [NetworkRange] = []
    for text in texts {
      guard let range = NetworkRange(text) else {
        throw error(
          .outOfRange, key, "must list addresses or ranges such as 10.0.0.0/8, not '\(text)'")
      }
      ranges.append(range)
    }
    return ranges
  }
}
