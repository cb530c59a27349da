#!/usr/bin/env bash
# Makes the two fonts in this folder: DejaVu Sans 2.37 (Debian's fonts-dejavu-core), cut down to the scripts that names of
# models are written in, without hints and kerning. Needs fonttools (pip install fonttools==4.68.0).
set -euo pipefail
cd "$(dirname "$0")"
for face in DejaVuSans DejaVuSans-Bold; do
    pyftsubset "/usr/share/fonts/truetype/dejavu/$face.ttf" --output-file="$face.ttf" --no-hinting --layout-features= \
        --notdef-outline --name-IDs=0,1,2,3,4,5,6,13,14 --drop-tables+=GSUB,GPOS,GDEF,kern,FFTM \
        --unicodes=20-7E,A0-17F,370-3FF,400-45F,2010-2026,2030,20AC,2190-2193,2212,2260-2265,25A0-25FF
done
