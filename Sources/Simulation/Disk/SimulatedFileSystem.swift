import Platform

/// One process's view of a ``SimulatedDisk``; fails once that process or machine is gone.
struct SimulatedFileSystem: FileSystem {
  let disk: SimulatedDisk
  let incarnation: Int

  /// Runs one call on the state, counted, faults applied.
  private func call<T: Sendable>(
    _ operation: FileError.Operation, _ path: String,
    _ body: (inout SimulatedDisk.State) throws(FileError) -> T
  ) throws(FileError) -> T {
    try disk.call(operation, path, incarnation) { state, _ throws(FileError) in try body(&state) }
  }

  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    let id = try call(.open, path) { state throws(FileError) -> Int in
      switch (state.names[path], mode) {
      case (nil, .read), (nil, .update):
        throw FileError(.open, path, errno: SystemErrors.notFound)
      case (.some, .createNew):
        throw FileError(.open, path, errno: SystemErrors.exists)
      case (.some(let id), .create):
        state.giveBack(state.contents[id]?.cache.count ?? 0)
        state.contents[id]?.truncate(to: 0)
        return id
      case (.some(let id), _): return id
      case (nil, _):
        let directory = Self.directory(of: path)
        guard state.directories.contains(directory) else {
          throw FileError(.open, path, errno: SystemErrors.notFound)
        }
        let id = state.addContent()
        state.names[path] = id
        state.pendingNames[directory, default: []].append(.set(path, id))
        return id
      }
    }
    return SimulatedFile(disk: disk, incarnation: incarnation, path: path, id: id)
  }

  var bootID: String { disk.bootID }

  func createDirectory(_ path: String) throws(FileError) {
    try call(.createDirectory, path) { state throws(FileError) in
      // Directories are durable at once: what is tested here is files.
      var current = path
      while current != "/", current != ".", !current.isEmpty {
        state.directories.insert(current)
        current = Self.directory(of: current)
      }
    }
  }

  func list(_ directory: String) throws(FileError) -> [String] {
    try call(.list, directory) { state throws(FileError) in
      guard state.directories.contains(directory) else {
        throw FileError(.list, directory, errno: SystemErrors.notFound)
      }
      let prefix = directory + "/"
      let inside = Set(state.names.keys).union(state.directories).filter { $0.hasPrefix(prefix) }
      return inside.map { String($0.dropFirst(prefix.count)) }.filter { !$0.contains("/") }
        .sorted()
    }
  }

  func exists(_ path: String) throws(FileError) -> Bool {
    try call(.open, path) { state throws(FileError) in
      state.names[path] != nil || state.directories.contains(path)
    }
  }

  func rename(_ source: String, to target: String) throws(FileError) {
    try call(.rename, source) { state throws(FileError) in
      guard let id = state.names[source] else {
        throw FileError(.rename, source, errno: SystemErrors.notFound)
      }
      if let old = state.names[target] { state.giveBack(state.contents[old]?.cache.count ?? 0) }
      state.names[source] = nil
      state.names[target] = id
      // Both halves become durable together or not at all: a journaling file system's promise.
      state.pendingNames[Self.directory(of: target), default: []].append(
        .move(source, target, id))
    }
  }

  func remove(_ path: String) throws(FileError) {
    try call(.remove, path) { state throws(FileError) in
      guard let id = state.names[path] else {
        throw FileError(.remove, path, errno: SystemErrors.notFound)
      }
      state.giveBack(state.contents[id]?.cache.count ?? 0)
      state.names[path] = nil
      state.pendingNames[Self.directory(of: path), default: []].append(.unset(path))
    }
  }

  func synchronizeDirectory(_ path: String) throws(FileError) {
    try call(.syncDirectory, path) { state throws(FileError) in
      for change in state.pendingNames.removeValue(forKey: path) ?? [] { state.apply(change) }
    }
  }

  func freeBytes(_ path: String) throws(FileError) -> UInt64 {
    try call(.freeBytes, path) { state throws(FileError) in state.freeBytes }
  }

  func lock(_ path: String) throws(FileError) -> any FileLock {
    try call(.lock, path) { state throws(FileError) in
      guard state.locks.insert(path).inserted else {
        throw FileError(.lock, path, errno: SystemErrors.wouldBlock)
      }
    }
    return SimulatedLock(disk: disk, incarnation: incarnation, path: path)
  }

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

struct SimulatedLock: FileLock {
  let disk: SimulatedDisk
  let incarnation: Int
  let path: String

  func release() {
    disk.state.withLock { state in
      if state.incarnation == incarnation { _ = state.locks.remove(path) }
    }
  }
}

extension SimulatedDisk {
  /// Runs one call of one process: counted, faults applied.
  func call<T: Sendable>(
    _ operation: FileError.Operation, _ path: String, _ incarnation: Int,
    _ body: (inout State, Fault.Effect?) throws(FileError) -> T
  ) throws(FileError) -> T {
    try state.withLock { state throws(FileError) in
      guard state.incarnation == incarnation else {
        throw FileError(operation, path, errno: SystemErrors.gone)
      }
      let effect = try state.call(operation, path)
      return try body(&state, effect)
    }
  }
}
