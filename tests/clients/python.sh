# The clients of Python's own library.

use_python() {
    checks python python3 "$clients/python_client.py" "$port" "$site"
}
