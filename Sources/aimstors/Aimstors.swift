@main struct Aimstors { static func main() {} }
