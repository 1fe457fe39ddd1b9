import Platform
import Simulation
import Testing

/// A disk that is full, told from a call that fails as it would on one.
@Suite struct RoomRefusalTests {
  private let disk = SimulatedDisk()

  private func openFile() throws -> any File {
    let files = disk.fileSystem()
    try files.createDirectory("/data")
    return try files.open("/data/file", .createNew)
  }

  @Test func `writes past what is left are counted, others are not`() throws {
    let file = try openFile()
    disk.limitFreeBytes(10)
    try file.write([UInt8](repeating: 1, count: 10), at: 0)
    #expect(disk.roomRefusals == 0)
    for count in 1...2 {
      let error = #expect(throws: FileError.self) { try file.write([2], at: 10) }
      #expect(error?.isDiskFull == true)
      #expect(disk.roomRefusals == count)
    }
    // What lies there already takes no room.
    try file.write([3], at: 0)
    disk.limitFreeBytes(.max)
    try file.write([2], at: 10)
    #expect(disk.roomRefusals == 2)
  }

  @Test(arguments: [UInt64.max, 4_096, 0])
  func `a fault that says ENOSPC counts nowhere, whatever is left`(_ left: UInt64) throws {
    let file = try openFile()
    disk.limitFreeBytes(left)
    for effect in [SimulatedDisk.Fault.Effect.shortWrite(0), .error(SystemErrors.noSpace)] {
      disk.inject(SimulatedDisk.Fault(.write, call: 1, effect))
      let error = #expect(throws: FileError.self) { try file.write([1], at: 0) }
      #expect(error?.isDiskFull == true)
    }
    #expect(disk.roomRefusals == 0)
  }
}
