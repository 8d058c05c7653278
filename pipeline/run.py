"""``python pipeline/run.py --config configs/cc_v2.yaml``: starts a run from a plain checkout or a Ray job."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # started by path, Python looks for modules beside this file; they are one level up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from pipeline.cli import main

    sys.argv.insert(1, "run")
    main()
