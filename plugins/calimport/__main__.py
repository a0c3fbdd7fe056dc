"""``python -m calimport``: the same as the console command ``calimport``."""

from calimport.cli import main

if __name__ == "__main__":
    main(prog_name="calimport")
