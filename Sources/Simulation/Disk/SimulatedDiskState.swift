import Platform

extension SimulatedDisk.State {
  mutating func addContent() -> Int {
    nextContent += 1
    contents[nextContent] = SimulatedDisk.Content()
    return nextContent
  }

  /// Space of content that is gone counts as free at once.
  mutating func giveBack(_ bytes: Int) {
    if freeBytes != .max { freeBytes += UInt64(bytes) }
  }

  /// Counts a call; the effect of a fault that it meets.
  mutating func call(
    _ operation: FileError.Operation, _ path: String
  ) throws(FileError) -> SimulatedDisk.Fault.Effect? {
    if let paths = powerLossAtSyncOf, operation == .sync, paths.contains(path) {
      powerLossAt = min(powerLossAt ?? totalCalls, totalCalls)
      powerLossAtSyncOf = nil
    }
    totalCalls += 1
    if let limit = powerLossAt, totalCalls > limit {
      throw FileError(operation, path, errno: SystemErrors.gone)
    }
    calls[operation, default: 0] += 1
    pathCalls[path, default: [:]][operation, default: 0] += 1
    var met: SimulatedDisk.Fault.Effect?
    for index in faults.indices where faults[index].operation == operation {
      faults[index].call -= 1
      if faults[index].call == 0 || (faults[index].call < 0 && faults[index].isPermanent) {
        met = faults[index].effect
      }
    }
    if met == nil { met = meetCallFault(operation, path) }
    // A failed fsync does something: the file drops what it was to write.
    if case .error(let number) = met, operation != .sync {
      throw FileError(operation, path, errno: number)
    }
    return met
  }

  /// A change of names becomes durable.
  mutating func apply(_ change: SimulatedDisk.NameChange) {
    switch change {
    case .set(let path, let id): diskNames[path] = id
    case .unset(let path): diskNames[path] = nil
    case .move(let source, let target, let id):
      if diskNames[source] == id { diskNames[source] = nil }
      diskNames[target] = id
    }
  }

  mutating func losePower(_ fate: SimulatedDisk.Fate) {
    powerLosses += 1
    var draw = Draw(fate)
    for directory in pendingNames.keys.sorted() {
      for change in pendingNames[directory] ?? [] where draw.keeps() {
        apply(change)
      }
    }
    pendingNames = [:]
    names = diskNames
    for id in contents.keys.sorted() {
      guard var content = contents[id] else { continue }
      content.settle(&draw)
      contents[id] = content
    }
    let used = Set(names.values)
    contents = contents.filter { used.contains($0.key) }
  }
}

/// Decides, one by one, what of the unsynchronized is kept.
struct Draw {
  private let fate: SimulatedDisk.Fate
  private var word: UInt64 = 0

  init(_ fate: SimulatedDisk.Fate) {
    self.fate = fate
    if case .mixed(let seed) = fate { word = seed }
  }

  mutating func keeps() -> Bool {
    switch fate {
    case .lost: return false
    case .kept: return true
    case .mixed:
      word &+= 0x9E37_79B9_7F4A_7C15
      var mixed = word
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return (mixed ^ (mixed >> 31)) & 1 == 1
    }
  }
}

extension SimulatedDisk.Content {
  private static var sector: Int { SimulatedDisk.sectorBytes }

  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    let end = offset + bytes.count
    if cache.count < end {
      cache.append(contentsOf: repeatElement(0, count: end - cache.count))
    }
    cache.withUnsafeMutableBytes { buffer in
      UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<end]).copyMemory(from: bytes)
    }
    if !bytes.isEmpty {
      dirty.formUnion((offset / Self.sector)...((end - 1) / Self.sector))
    }
  }

  mutating func truncate(to length: Int) {
    let old = cache.count
    if length < old {
      cache.removeLast(old - length)
    } else {
      cache.append(contentsOf: repeatElement(0, count: length - old))
    }
    let (low, high) = (min(old, length), max(old, length))
    if low < high { dirty.formUnion((low / Self.sector)...((high - 1) / Self.sector)) }
  }

  /// Writes the dirty sectors, and the length.
  mutating func synchronize() {
    if disk.count > cache.count {
      disk.removeLast(disk.count - cache.count)
    } else {
      disk.append(contentsOf: repeatElement(0, count: cache.count - disk.count))
    }
    for index in dirty {
      let start = index * Self.sector
      let end = min(start + Self.sector, cache.count)
      if start < end { disk.replaceSubrange(start..<end, with: cache[start..<end]) }
    }
    dirty = []
  }

  /// What Linux does in an fsync that fails: the sectors count as written, and are not on the disk.
  ///
  /// Another fsync has nothing to write and succeeds.
  mutating func failSynchronizing() { dirty = [] }

  /// The power is gone: length and each dirty sector are kept or lost on their own.
  mutating func settle(_ draw: inout Draw) {
    var result = disk
    if cache.count != disk.count, draw.keeps() {
      if cache.count < result.count {
        result.removeLast(result.count - cache.count)
      } else {
        result.append(contentsOf: repeatElement(0, count: cache.count - result.count))
      }
    }
    for index in dirty.sorted() where draw.keeps() {
      let start = index * Self.sector
      let end = min(start + Self.sector, cache.count, result.count)
      if start < end { result.replaceSubrange(start..<end, with: cache[start..<end]) }
    }
    disk = result
    cache = result
    dirty = []
  }
}
